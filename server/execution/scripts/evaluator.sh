# Evaluation of one command line on a Bash script under test; runs inside a sandbox.
# Arguments: the script's name, whether it is sourced (1) or run (0), the command line.
# It writes: the load's status; then the line's status, output, first error; then each file that is left.
# Everything is in base64; each line starts with a mark. The script can forge the records.
printf '\x1eS\n'
name=$1 sourced=$2 line=$3 mark=$'\x1e' top=$PWD
fault=$(bash -n "$top/$name" 2>&1) || { printf '%sL %s\n' "$mark" "$(printf %s "$fault" | base64 -w0)"; exit 0; }
mkdir work__ && cp "$name" "work__/$name" && cd work__ || exit 1
eval "function $name { bash \"$top/$name\" \"\$@\"; }"
(
  if [ "$sourced" = 1 ]; then . "$top/$name" >"$top/load__" 2>&1; fi
  eval "$line"
) >"$top/out__" 2>"$top/err__" </dev/null
status=$?
encoded() { head -c 65536 "$1" | base64 -w0; }
printf '%sR %s %s %s\n' "$mark" "$status" "$(encoded "$top/out__")." "$(encoded "$top/err__")."
find . -type f -printf '%P\n' | LC_ALL=C sort | head -n 50 | while IFS= read -r file; do
  [ "$file" = "$name" ] && cmp -s "$file" "$top/$name" && continue
  printf '%sF %s %s\n' "$mark" "$(printf %s "$file" | base64 -w0)." "$(encoded "$file")."
done
printf '%sE\n' "$mark"
