#!/usr/bin/env bash
# Keeps apertium running for `command-nul:`: sentences in and out, each ended by a NUL; the argument is a mode such as eng-spa.
# Started for each sentence apertium takes a third of a second, like this a few milliseconds. Every part of a mode's pipe writes
# out what it has at a NUL when it is told to (-z); what means something to them in a text is escaped, and the mark at its end is
# taken off again.
set -euo pipefail
export LC_ALL=C.UTF-8
pipe=$(sed -E 's/(^|\| )([a-z-]+)/\1\2 -z/g; s/\$1/-n/; s/\$2//' "/usr/share/apertium/modes/$1.mode")
sed -zu 's,[][\\^$/<>{}@],\\&,g; s/$/.[][\n]/' | eval "$pipe" | sed -zu 's/\.\[\]\[\n\]$//; s/\\\(.\)/\1/g'
