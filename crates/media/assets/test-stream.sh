#!/usr/bin/env bash
# Makes test-stream.flv, what `dragoman-media publish` sends in a loop: 16 s of H.264 with a keyframe each second and of
# AAC, spoken by espeak-ng over a quiet chord. 16 s are whole frames of both, so that the loop has no seam.
#
#   crates/media/assets/test-stream.sh          (needs ffmpeg and espeak-ng)
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

espeak-ng -v en-us -s 150 -w "$work/a.wav" \
  "This is the test stream of Dragoman. It speaks a few sentences, and then it begins again."
espeak-ng -v en-us -s 150 -w "$work/b.wav" \
  "The ferry leaves the harbour at nine. Please be there ten minutes early, and bring your ticket."

ffmpeg -v error -y \
  -f lavfi -i "testsrc=size=640x360:rate=25:duration=16" \
  -f lavfi -i "aevalsrc=0.012*(sin(2*PI*220*t)+sin(2*PI*277*t)+sin(2*PI*330*t)):s=48000:d=16" \
  -i "$work/a.wav" -i "$work/b.wav" \
  -filter_complex "[2]aresample=48000,volume=0.7,adelay=1000[a];[3]aresample=48000,volume=0.7,adelay=9000[b];
    [1][a][b]amix=inputs=3:duration=first:normalize=0[sound]" \
  -map 0:v -map "[sound]" -t 16 -map_metadata -1 -fflags +bitexact \
  -c:v libx264 -preset veryslow -profile:v main -pix_fmt yuv420p -crf 30 -bf 0 -g 25 -keyint_min 25 -sc_threshold 0 \
  -flags:v +bitexact -x264-params threads=1 \
  -c:a aac -b:a 56k -ac 1 -flags:a +bitexact \
  -f flv -flvflags no_duration_filesize test-stream.flv
