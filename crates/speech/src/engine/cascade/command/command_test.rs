use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::super::stage::Stop;
use super::*;

const LIMITS: Limits = Limits {
    processes: 2,
    timeout: Duration::from_secs(20),
};
const CALL: Call<'static> = Call {
    stream: "talk",
    stopped: &|| None,
};

struct Scripts(tempfile::TempDir);

impl Scripts {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A command that runs this script.
    fn line(&self, kind: &str, script: &str, words: &str) -> CommandLine {
        let path = self.path("script.sh");
        std::fs::write(&path, script).unwrap();
        CommandLine::read(&format!("{kind}:sh {} {words}", path.display())).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

fn pairs(list: &str) -> Pairs {
    Pairs(list.split(',').map(|pair| Pairs::read(pair).unwrap()).collect())
}

fn translate(stage: &Translator, text: &str, to: &str, call: &Call<'_>) -> Result<String, Failure> {
    let sentence = Sentence { text, from: "en", to };
    stage.translate(&sentence, call, &mut |_| {})
}

fn speak(stage: &Speaker, text: &str) -> Result<Vec<i16>, Failure> {
    let mut samples = Vec::new();
    let line = Line {
        text,
        lang: "es",
        voice: Some("ana"),
    };
    stage.speak(&line, &CALL, &mut |pcm| samples.extend_from_slice(pcm))?;
    Ok(samples)
}

fn has_code(outcome: Result<String, Failure>, expected: &str) -> String {
    match outcome {
        Err(Failure::Failed { code, message }) if code == expected => message,
        other => panic!("{other:?} is not {expected}"),
    }
}

/// Whether a process is there and no zombie. What was killed may take a moment to go.
fn lives(pid: &str) -> bool {
    let there = || {
        let stat = std::fs::read_to_string(Path::new("/proc").join(pid).join("stat"));
        stat.is_ok_and(|stat| !stat.contains(") Z "))
    };
    let patience = Instant::now() + Duration::from_secs(5);
    while there() && Instant::now() < patience {
        std::thread::yield_now();
    }
    there()
}

#[test]
fn spellings_are_read_and_shown_alike() {
    for text in ["command:espeak-ng -v es", "command-lines:a b", "command-nul:/x/y"] {
        assert_eq!(CommandLine::read(text).unwrap().to_string(), text);
    }
    for bad in [
        "command:",
        "command: ",
        "command",
        "commands:x",
        "command-json:x",
        "command:a\0b",
    ] {
        assert_eq!(CommandLine::read(bad), None, "{bad:?}");
    }
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let line = CommandLine::read("command:no-such-program -x").unwrap();
    let problem = Translator::open(&line, LIMITS, pairs("en-es")).err().unwrap();
    assert!(problem.contains("no-such-program"), "{problem}");
}

#[test]
fn a_text_goes_through_a_program_that_knows_its_languages() {
    let scripts = Scripts::new();
    let script = "read -r text; echo \"$1>$2 $DRAGOMAN_STAGE $DRAGOMAN_SOURCE $DRAGOMAN_TARGET\"; echo \" $text \"";
    let line = scripts.line("command", script, "{source} {target}");
    let stage = Translator::open(&line, LIMITS, pairs("en-es")).unwrap();
    // No shell looks at it, and what would be a second record is the same one.
    let text = translate(&stage, "$(touch /tmp/x); \"a'\nb", "es-MX", &CALL).unwrap();
    assert_eq!(text, "en>es-MX mt en es-MX $(touch /tmp/x); \"a' b");
    assert!(stage.translates("en-GB", "es") && !stage.translates("es", "en"));
}

#[test]
fn speech_goes_through_a_program_as_samples() {
    let scripts = Scripts::new();
    let line = scripts.line("command", "wc -c; echo $DRAGOMAN_SOURCE", "");
    let stage = Recogniser::open(&line, LIMITS, vec!["en".into()]).unwrap();
    let pcm = vec![1_i16; 100_000];
    let speech = Speech {
        pcm: &pcm,
        lang: None,
        into_english: false,
        prompt: None,
    };
    let heard = stage.recognise(&speech, &CALL).unwrap();
    assert_eq!((heard.text.as_str(), heard.lang.as_str()), ("200000 en", "en"));
    assert!(stage.recognises("auto") && stage.recognises("en-US") && !stage.recognises("fr"));
}

#[test]
fn a_kept_program_gets_record_after_record() {
    let scripts = Scripts::new();
    let script = "while read -r text; do echo \"$$ $text\"; done";
    let stage = Translator::open(&scripts.line("command-lines", script, ""), LIMITS, pairs("en-es,en-fr")).unwrap();
    let mut pids = Vec::new();
    for (text, to) in [("one", "es"), ("two", "es"), ("three", "fr"), ("four", "es")] {
        let answer = translate(&stage, text, to, &CALL).unwrap();
        let (pid, said) = answer.split_once(' ').unwrap();
        assert_eq!(said, text);
        pids.push(pid.to_owned());
    }
    assert!(
        pids[0] == pids[1] && pids[1] == pids[3],
        "one program serves a pair: {pids:?}"
    );
    assert_ne!(pids[1], pids[2], "another pair has a program of its own");
    drop(stage);
    assert!(pids.iter().all(|pid| !lives(pid)), "nothing outlives the stage");
}

#[test]
fn a_record_may_end_with_a_nul() {
    let scripts = Scripts::new();
    // Answers with what it got, byte for byte, as soon as it gets it.
    let line = scripts.line("command-nul", "exec cat", "");
    let stage = Translator::open(&line, LIMITS, pairs("en-es")).unwrap();
    for text in ["one", "two words", "three"] {
        assert_eq!(translate(&stage, text, "es", &CALL).unwrap(), text);
    }
}

#[test]
fn no_more_programs_are_kept_than_may_run() {
    let scripts = Scripts::new();
    let line = scripts.line("command-lines", "while read -r text; do echo $$; done", "");
    let stage = Translator::open(&line, LIMITS, pairs("en-es,en-fr,en-de")).unwrap();
    let pids: Vec<String> = ["es", "fr", "de"]
        .map(|to| translate(&stage, "x", to, &CALL).unwrap())
        .into();
    assert!(!lives(&pids[0]), "three are one too many");
}

#[test]
fn a_kept_program_that_ended_is_started_anew() {
    let scripts = Scripts::new();
    let line = scripts.line("command-lines", "read -r text; echo \"$text\"", "");
    let stage = Translator::open(&line, LIMITS, pairs("en-es")).unwrap();
    for text in ["one", "two", "three"] {
        assert_eq!(translate(&stage, text, "es", &CALL).unwrap(), text);
    }
}

#[test]
fn a_late_program_is_killed_with_all_that_it_started() {
    let scripts = Scripts::new();
    let pid = scripts.path("pid");
    let script = format!("sleep 600 & echo $! > {}; wait", pid.display());
    for kind in ["command", "command-lines"] {
        let line = scripts.line(kind, &script, "");
        let limits = Limits {
            timeout: Duration::from_millis(400),
            ..LIMITS
        };
        let stage = Translator::open(&line, limits, pairs("en-es")).unwrap();
        let message = has_code(translate(&stage, "x", "es", &CALL), COMMAND_TIMED_OUT);
        assert!(message.contains("too long"), "{message}");
        let pid = std::fs::read_to_string(&pid).unwrap();
        assert!(!lives(pid.trim()));
    }
}

#[test]
fn a_cancelled_call_ends_at_once() {
    let scripts = Scripts::new();
    let line = scripts.line("command", "sleep 600", "");
    let stage = Translator::open(&line, LIMITS, pairs("en-es")).unwrap();
    let looks = Cell::new(0);
    let stopped = || {
        looks.set(looks.get() + 1);
        (looks.get() > 3).then_some(Stop::Cancelled)
    };
    let call = Call {
        stream: "talk",
        stopped: &stopped,
    };
    assert_eq!(
        translate(&stage, "x", "es", &call),
        Err(Failure::Stopped(Stop::Cancelled))
    );
}

#[test]
fn a_program_that_fails_floods_or_babbles_is_an_error() {
    let scripts = Scripts::new();
    for (script, expected) in [
        ("echo gone >&2; exit 3", "exit status: 3"),
        ("kill -9 $$", "signal: 9"),
        ("yes", "more text"),
        ("printf '\\377\\376\\n'", "no UTF-8"),
        ("exec 1>&-; exec 0<&-; exit 1", "exit status: 1"),
    ] {
        let line = scripts.line("command", script, "");
        let stage = Translator::open(&line, LIMITS, pairs("en-es")).unwrap();
        let message = has_code(translate(&stage, "x", "es", &CALL), COMMAND_FAILED);
        assert!(message.contains(expected), "{script}: {message}");
    }
}

#[test]
fn sound_comes_as_a_whole_or_as_records() {
    let scripts = Scripts::new();
    let once = "read -r text; printf \"$text\"";
    let kept = "while read -r text; do echo 6; printf \"$text\"; done";
    for (kind, script) in [("command", once), ("command-lines", kept)] {
        let line = scripts.line(kind, script, "");
        let stage = Speaker::open(&line, LIMITS, vec!["es".into()], DUB_RATE).unwrap();
        for text in ["a\\000b\\000c\\000", "x\\001y\\001z\\001"] {
            let bytes = [text.as_bytes()[0], text.as_bytes()[5], text.as_bytes()[10]];
            let high = i16::from(text.as_bytes()[4] - b'0') * 256;
            let expected: Vec<i16> = bytes.iter().map(|byte| i16::from(*byte) + high).collect();
            assert_eq!(speak(&stage, text).unwrap(), expected, "{kind}");
        }
    }
    let line = scripts.line("command-lines", "while read -r text; do echo many; done", "");
    let stage = Speaker::open(&line, LIMITS, vec!["es".into()], DUB_RATE).unwrap();
    let outcome = speak(&stage, "x").map(|_| String::new());
    assert!(has_code(outcome, COMMAND_FAILED).contains("number of bytes"));
}

#[test]
fn a_voice_is_a_name_and_not_an_option() {
    let scripts = Scripts::new();
    let line = scripts.line("command", "true", "");
    let stage = Speaker::open(&line, LIMITS, vec!["es".into()], DUB_RATE).unwrap();
    assert!(stage.has_voice("es", "es+f3") && !stage.has_voice("es", "-w/etc/passwd") && !stage.has_voice("es", "a b"));
    let bad = Speaker::open(&line, LIMITS, vec!["es".into()], 1_234);
    assert!(bad.is_err_and(|problem| problem.contains("SPEECH_TTS_RATE")));
}

#[test]
fn calls_on_many_threads_do_not_mix() {
    let scripts = Scripts::new();
    let line = scripts.line("command-lines", "while read -r text; do echo \"$text\"; done", "");
    let stage = Arc::new(Translator::open(&line, LIMITS, pairs("en-es")).unwrap());
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let stage = Arc::clone(&stage);
            std::thread::spawn(move || {
                for n in 0..20 {
                    let text = format!("thread {thread} text {n}");
                    assert_eq!(translate(&stage, &text, "es", &CALL).unwrap(), text);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}
