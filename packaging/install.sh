#!/bin/sh
# Installs Claude Token Saver for the current user, without root.
#
#   sh install.sh [--from SOURCE] [--yes]   install; SOURCE is a checkout, a wheel or a source archive
#   sh install.sh --uninstall [--yes]       remove the app, its data and everything that this script installed
#
# Environment variables:
#   UV_DOWNLOAD_URL   the folder with uv's release archives (default: the release on GitHub)
#   UV_CACHE_DIR      a cache to use instead of one that is removed after the installation
#   XDG_DATA_HOME     the app's programs are installed in its subfolder token-saver-install
#   XDG_BIN_HOME      the command token-saver is linked here (default: ~/.local/bin)
set -eu

PACKAGE=claude-token-saver-app
UV_VERSION=0.13.9

main() {
  source='' yes=no action=install
  while [ $# -gt 0 ]; do
    case $1 in
      --from) [ $# -gt 1 ] || fail "--from needs a path."; source=$2; shift ;;
      --uninstall) action=uninstall ;;
      --yes) yes=yes ;;
      --help | -h) sed -n '2,12s/^# \{0,1\}//p' "$0"; exit 0 ;;
      *) fail "Unknown option: $1. See: sh install.sh --help" ;;
    esac
    shift
  done
  [ -n "${HOME:-}" ] || fail "HOME is not set. Set it to your home folder."
  prefix=${XDG_DATA_HOME:-$HOME/.local/share}/token-saver-install
  bin=${XDG_BIN_HOME:-$HOME/.local/bin}
  "$action"
}

install() {
  python=$(find_python) || fail "Python 3.11 or later is missing. Install it first, such as: sudo apt install python3"
  [ -n "$source" ] || source=$(own_checkout)
  uv=$(command -v uv || true)
  echo "This installs Claude Token Saver for $(id -un):"
  [ -n "$uv" ] || echo "  uv $UV_VERSION      $prefix/uv (for this app alone)"
  echo "  the app        $prefix/tools, about 310 MB, from $source"
  echo "  its commands   $bin: token-saver, token-saver-mcp, $PACKAGE"
  echo "Nothing else changes. To remove all of it: sh install.sh --uninstall"
  agreed "Install?" || exit 1
  [ -e "$prefix" ] || trap 'rm -rf "$prefix"' EXIT # a failed first installation leaves nothing behind
  mkdir -p "$prefix" "$bin"
  [ -n "$uv" ] || { download_uv; uv=$prefix/uv; }
  with_uv tool install --quiet --force --no-python-downloads --python "$python" "$source" ||
    fail "The app could not be installed; the reason is above. Run this script again when it is gone."
  trap - EXIT
  rm -rf "$prefix/cache"
  "$bin/token-saver" --version
  first_steps
}

first_steps() {
  case :$PATH: in
    *:"$bin":*) command=token-saver ;;
    *) command=$bin/token-saver; echo "$bin is not on your PATH; add it, or type the whole path." ;;
  esac
  echo "First steps:"
  echo "  $command                       start the app; its page shows the next steps"
  echo "  $command connect claude-code   let Claude Code use it"
  echo "  $command doctor                check the installation"
}

uninstall() {
  [ -e "$prefix" ] || fail "Claude Token Saver was not installed by this script: $prefix does not exist."
  echo "This removes Claude Token Saver: its entries in clients, settings, history and models, its commands, $prefix"
  agreed "Remove?" || exit 1
  if [ -x "$bin/token-saver" ]; then
    "$bin/token-saver" uninstall --history --weights --settings ||
      fail "Some parts could not be removed; the reasons are above. Run this script again when they are gone."
  fi
  for link in "$bin"/*; do
    case $(readlink "$link" || true) in "$prefix"/*) rm -f "$link" ;; esac
  done
  rm -rf "$prefix"
  for folder in "$bin" "$(dirname "$prefix")" "${XDG_CACHE_HOME:-$HOME/.cache}" "${XDG_CONFIG_HOME:-$HOME/.config}" \
    "${XDG_STATE_HOME:-$HOME/.local/state}" "$HOME/.local/share" "$HOME/.local"; do
    rmdir "$folder" 2>/dev/null || true # stays unless it is empty
  done
  echo "Claude Token Saver is removed."
}

find_python() {
  for name in python3 python3.14 python3.13 python3.12 python3.11; do
    found=$(command -v "$name") || continue
    "$found" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
    echo "$found"
    return 0
  done
  return 1
}

own_checkout() {
  folder=$(cd "$(dirname "$0")/.." && pwd)
  if grep -q "^name = \"$PACKAGE\"" "$folder/pyproject.toml" 2>/dev/null; then echo "$folder"; else echo "$PACKAGE"; fi
}

with_uv() {
  UV_TOOL_DIR=$prefix/tools UV_TOOL_BIN_DIR=$bin UV_CACHE_DIR=${UV_CACHE_DIR:-$prefix/cache} UV_NO_CONFIG=1 "$uv" "$@"
}

# Debian's Python has no pip, and a new machine has neither curl nor wget, so Python downloads the archive.
download_uv() {
  archive=uv-$(platform).tar.gz
  address=${UV_DOWNLOAD_URL:-https://github.com/astral-sh/uv/releases/download/$UV_VERSION}/$archive
  "$python" - "$address" "$prefix" <<'PYTHON' || fail "uv could not be downloaded from $address."
import hashlib, pathlib, sys, tarfile, urllib.request
address, prefix = sys.argv[1], pathlib.Path(sys.argv[2])
def get(url):
    with urllib.request.urlopen(url, timeout=60) as answer:
        return answer.read()
try:
    content, stated = get(address), get(address + ".sha256").split()[0].decode()
except OSError as error:
    sys.exit(f"install.sh: {error}")
if hashlib.sha256(content).hexdigest() != stated:
    sys.exit("install.sh: the archive has another checksum than the one published beside it.")
archive = prefix / "uv.tar.gz"
archive.write_bytes(content)
with tarfile.open(archive) as files:
    program = next(each for each in files if each.isfile() and pathlib.PurePosixPath(each.name).name == "uv")
    (prefix / "uv").write_bytes(files.extractfile(program).read())
archive.unlink()
(prefix / "uv").chmod(0o755)
PYTHON
}

platform() {
  machine=$(uname -m)
  [ "$machine" != arm64 ] || machine=aarch64
  case $(uname -s) in
    Linux)
      if ldd --version 2>&1 | grep -qi musl; then echo "$machine-unknown-linux-musl"; else echo "$machine-unknown-linux-gnu"; fi ;;
    Darwin) echo "$machine-apple-darwin" ;;
    *) fail "This script supports Linux and macOS. On Windows, run install.ps1." ;;
  esac
}

agreed() {
  [ "$yes" = no ] || return 0
  [ -t 0 ] || fail "This needs your confirmation, but standard input is not a terminal. Add --yes."
  printf '%s [y/N] ' "$1"
  read -r answer
  case $answer in y | Y | yes) return 0 ;; *) return 1 ;; esac
}

fail() {
  echo "install.sh: $1" >&2
  exit 1
}

main "$@"
