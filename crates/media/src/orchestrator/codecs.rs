//! Which tracks can be served, and over which protocol: judged before a worker starts.
//!
//! Names are the router's (`tracks2[].codec`). Pictures pass through FLV untouched, so only H.264 goes. Sound is
//! decoded; what RTMP cannot carry to us is pulled by RTSP where the router offers that.

use crate::spec::Tracks;

/// How a source is pulled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pull {
    /// The default: stamps stay exact.
    Rtmp,
    /// For sound that RTMP cannot carry.
    Rtsp,
}

const AUDIO_BY_RTMP: [&str; 4] = ["MPEG-4 Audio", "MPEG-1/2 Audio", "AAC", "MP3"];
const AUDIO_BY_RTSP: [&str; 8] = [
    "Opus",
    "AC3",
    "AC-3",
    "G711",
    "G722",
    "LPCM",
    "Vorbis",
    "MPEG-4 Audio LATM",
];
const OTHER_VIDEO: [&str; 7] = ["H265", "AV1", "VP9", "VP8", "MPEG-4 Video", "MPEG-1/2 Video", "M-JPEG"];
/// Travels beside sound and pictures and is left alone.
const DATA: [&str; 1] = ["KLV"];

/// How to pull a source with these tracks, or why it cannot be served.
pub(crate) fn judge(tracks: &[String], rtsp: bool) -> Result<(Pull, Tracks), String> {
    let of = |known: &'static [&'static str]| move |t: &&String| known.contains(&t.as_str());
    let video = tracks.iter().any(|t| t == "H264");
    let by_rtmp = tracks.iter().any(|t| AUDIO_BY_RTMP.contains(&t.as_str()));
    let by_rtsp = tracks.iter().find(of(&AUDIO_BY_RTSP));
    if let (false, Some(codec)) = (video, tracks.iter().find(of(&OTHER_VIDEO))) {
        return Err(format!("video codec {codec} is not supported, only H264 is"));
    }
    let found = Tracks {
        video,
        audio: by_rtmp || by_rtsp.is_some(),
    };
    match by_rtsp {
        Some(codec) if !by_rtmp && !rtsp => Err(format!(
            "audio codec {codec} cannot be pulled by RTMP and ROUTER_RTSP_URL is not set; AAC and MP3 can"
        )),
        Some(_) if !by_rtmp => Ok((Pull::Rtsp, found)),
        _ if found.audio || found.video => match unknown(tracks) {
            Some(codec) if !found.audio => Err(format!("codec {codec} is not supported")),
            _ => Ok((Pull::Rtmp, found)),
        },
        _ => match unknown(tracks) {
            Some(codec) => Err(format!("codec {codec} is not supported")),
            None => Err("the stream has neither an audio nor a video track".to_owned()),
        },
    }
}

fn unknown(tracks: &[String]) -> Option<String> {
    let known = |t: &str| {
        t == "H264"
            || [&AUDIO_BY_RTMP[..], &AUDIO_BY_RTSP, &OTHER_VIDEO, &DATA]
                .iter()
                .any(|list| list.contains(&t))
    };
    tracks.iter().find(|t| !known(t)).map(|t| t.chars().take(40).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tracks(list: &[&str]) -> Vec<String> {
        list.iter().map(|&t| t.to_owned()).collect()
    }

    #[test]
    fn what_flv_carries_is_pulled_by_rtmp() {
        for (list, video, audio) in [
            (&["H264", "MPEG-4 Audio"][..], true, true),
            (&["H264"], true, false),
            (&["MPEG-1/2 Audio"], false, true),
            (&["KLV", "H264", "AAC"], true, true),
            (&["H264", "H265", "AAC", "Generic"], true, true),
        ] {
            assert_eq!(
                judge(&tracks(list), false),
                Ok((Pull::Rtmp, Tracks { video, audio })),
                "{list:?}"
            );
        }
    }

    #[test]
    fn sound_that_rtmp_cannot_carry_needs_rtsp() {
        let list = tracks(&["H264", "Opus"]);
        assert_eq!(
            judge(&list, true),
            Ok((
                Pull::Rtsp,
                Tracks {
                    video: true,
                    audio: true
                }
            ))
        );
        assert!(judge(&list, false).unwrap_err().contains("Opus"));
    }

    #[test]
    fn a_refusal_names_the_codec() {
        for codec in ["H265", "AV1", "VP9", "M-JPEG"] {
            assert!(
                judge(&tracks(&[codec, "MPEG-4 Audio"]), true)
                    .unwrap_err()
                    .contains(codec)
            );
        }
        assert!(
            judge(&tracks(&["H264", "Zorglub"]), true)
                .unwrap_err()
                .contains("Zorglub")
        );
        assert!(judge(&tracks(&["Zorglub"]), true).unwrap_err().contains("Zorglub"));
        assert!(judge(&tracks(&["KLV"]), true).unwrap_err().contains("neither"));
        assert!(judge(&[], true).unwrap_err().contains("neither"));
    }
}
