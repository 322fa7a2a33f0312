#!/usr/bin/env python3
"""Times the original implementations with full-size random weights, for the column beside ours in `cargo xtask bench speech`:

    reference.py whisper|translate|pocket ROUNDS

faster-whisper (CTranslate2) in 8 bits, transformers' Marian and pocket-tts in F32, as they are used, on one thread. What is not
installed is left out with a word on standard error. The output is one JSON object of the same form as the Rust parts'.
"""

import json
import logging
import multiprocessing
import os
import sys
import tempfile
import time
import warnings

os.environ["HF_HUB_OFFLINE"] = "1"
logging.disable(logging.WARNING)
warnings.filterwarnings("ignore")

# (seconds, tokens), as in the Rust parts.
UTTERANCES = [(2, 10), (5, 19)]
FRAMES_PER_SECOND = 12.5

values, memory = {}, []


def add(what, seconds):
    values.setdefault(what, []).append(seconds)


def resident():
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS:"))
    except OSError:
        return None


def load(what, make):
    before = resident()
    made = make()
    if before is not None:
        memory.append({"what": what, "who": "python", "mb": resident() - before})
    return made


def timed(what, work):
    begun = time.perf_counter()
    result = work()
    add(what, time.perf_counter() - begun)
    return result


def make_whisper(directory):
    import torch
    import transformers
    from ctranslate2.converters.transformers import WhisperLoader

    torch.manual_seed(1)
    config = transformers.WhisperConfig(
        vocab_size=51865, d_model=512, encoder_layers=6, decoder_layers=6, encoder_attention_heads=8,
        decoder_attention_heads=8, encoder_ffn_dim=2048, decoder_ffn_dim=2048,
    )
    spec = WhisperLoader().get_model_spec(transformers.WhisperForConditionalGeneration(config))
    names = {50257: "<|endoftext|>", 50258: "<|startoftranscript|>", 50259: "<|en|>", 50359: "<|transcribe|>"}
    names |= {50358: "<|translate|>", 50362: "<|nospeech|>", 50363: "<|notimestamps|>"}
    spec.register_vocabulary([names.get(token, f"<{token}>") for token in range(config.vocab_size)])
    spec.config.suppress_ids, spec.config.suppress_ids_begin = [], []
    spec.config.alignment_heads, spec.config.lang_ids = [[5, 0]], [50259]
    spec.validate()
    spec.optimize(quantization="int8")
    spec.save(directory)


def whisper(rounds):
    import ctranslate2
    import numpy
    from faster_whisper.feature_extractor import FeatureExtractor

    end, prompt = 50257, [50258, 50259, 50359, 50363]
    with tempfile.TemporaryDirectory() as directory:
        # In a process of its own, so that its memory is not counted.
        child = multiprocessing.get_context("fork").Process(target=make_whisper, args=(directory,))
        child.start()
        child.join()
        model = load(
            "whisper-base",
            lambda: ctranslate2.models.Whisper(directory, compute_type="int8", intra_threads=1, inter_threads=1),
        )
    mel = FeatureExtractor(feature_size=80)
    noise = numpy.random.default_rng(1)
    for at in range(rounds):
        for seconds, tokens in UTTERANCES:
            pcm = (0.1 * noise.standard_normal(16000 * seconds)).astype(numpy.float32)

            def hear():
                # Its window is always 30 s, and of the longest length half is for what went before.
                features = mel(pcm)
                features = numpy.pad(features[:, :3000], ((0, 0), (0, max(0, 3000 - features.shape[-1]))))
                features = ctranslate2.StorageView.from_array(numpy.ascontiguousarray(features[None]))
                sound = timed("whisper-base encoder, 30 s", lambda: model.encode(features))
                said = model.generate(
                    sound, [prompt], beam_size=1, max_length=2 * tokens, suppress_blank=False, suppress_tokens=[end]
                )
                assert len(said[0].sequences_ids[0]) >= tokens, said[0].sequences_ids

            timed(f"whisper-base whole, {seconds} s, {tokens} tokens", hear)
        two = (0.1 * noise.standard_normal(32000)).astype(numpy.float32)
        timed("mel, 2 s", lambda: mel(two))


def translate(rounds):
    import torch
    import transformers

    torch.set_num_threads(1)
    config = transformers.MarianConfig(
        vocab_size=65001, d_model=512, encoder_layers=6, decoder_layers=6, encoder_attention_heads=8,
        decoder_attention_heads=8, encoder_ffn_dim=2048, decoder_ffn_dim=2048, max_position_embeddings=512,
        pad_token_id=65000, eos_token_id=0, decoder_start_token_id=65000, scale_embedding=True,
        activation_function="swish", static_position_embeddings=True, forced_eos_token_id=None,
    )
    model = load("opus-mt", lambda: transformers.MarianMTModel(config).eval())
    utterances = [(f"opus-mt, {seconds} s", tokens + 1, tokens + 2) for seconds, tokens in UTTERANCES]
    for _ in range(rounds):
        for what, source, said in utterances + [("opus-mt, 14 to 16 tokens", 14, 16)]:
            ids = torch.randint(1, 65000, (1, source))
            with torch.inference_mode():
                result = timed(
                    what, lambda: model.generate(ids, num_beams=1, do_sample=False, min_new_tokens=said, max_new_tokens=said)
                )
            assert result.shape[-1] == said + 1, result.shape


def pocket(rounds):
    import tokenizers
    import torch
    import yaml
    from pocket_tts import TTSModel
    from pocket_tts.utils.config import CONFIGS_DIR

    torch.manual_seed(1)
    described = yaml.safe_load((CONFIGS_DIR / "english.yaml").read_text())
    table = described["flow_lm"]["lookup_table"]
    with tempfile.TemporaryDirectory() as directory:
        # Two tokens a word, and pieces that nobody says: only how many tokens a text has counts.
        pieces = ["<unk>", "<s>", "</s>", "<pad>", "▁wo", "rd", "▁Wo", "."]
        pieces += [f"<unused{at}>" for at in range(table["n_bins"] - len(pieces))]
        tokenizer = tokenizers.Tokenizer(tokenizers.models.Unigram([(piece, -1.0) for piece in pieces], unk_id=0))
        tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace(prepend_scheme="always", split=False)
        tokenizer.decoder = tokenizers.decoders.Metaspace()
        tokenizer.save(f"{directory}/tokenizer.json")
        table["tokenizer_path"] = f"{directory}/tokenizer.json"
        for part in (described, described["flow_lm"], described["mimi"]):
            for key in [key for key in part if key.startswith("weights_path")]:
                part[key] = None
        described["default_eos_threshold"] = 1e9
        path = f"{directory}/config.yaml"
        with open(path, "w") as file:
            yaml.safe_dump(described, file)
        model = load("pocket-tts", lambda: TTSModel.load_model(config=path))
    model.max_decoder_frames_per_call = 1
    prompt = 0.1 * torch.randn(1, 24000 * 10)
    state = model.get_state_for_audio_prompt(prompt)
    for _ in range(rounds):
        for seconds, tokens in UTTERANCES:
            frames, heard = int(-(-seconds * FRAMES_PER_SECOND // 1)), 0
            begun = time.perf_counter()
            for _ in model.generate_audio_stream(model_state=state, text_to_generate=" ".join(["word"] * (tokens // 2))):
                if heard == 0:
                    add("pocket-tts first audio on two threads", time.perf_counter() - begun)
                heard += 1
                # The rest has to be waited for: its threads cannot be stopped.
                if heard == frames:
                    took = time.perf_counter() - begun
            assert heard >= frames, heard
            # The decoder has a thread of its own in it.
            add(f"pocket-tts whole, {seconds} s on two threads", took)
            add("pocket-tts times real time on two threads", frames / FRAMES_PER_SECOND / took)


part, rounds = sys.argv[1], int(sys.argv[2])
try:
    {"linear": lambda rounds: None, "whisper": whisper, "translate": translate, "pocket": pocket}[part](rounds)
except ImportError as error:
    print(f"{part}: {error}", file=sys.stderr)
print(json.dumps({"values": [{"what": what, "who": "python", "values": all} for what, all in values.items()], "memory": memory}))
