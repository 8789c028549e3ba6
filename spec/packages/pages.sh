#!/bin/sh
# pages.sh install|uninstall SHARE ZSH LUA: the manual page and the completion for bash, zsh (in the
# folder ZSH) and fish below SHARE, as the command in this checkout prints them. Without
# lua-argparse it cannot, and nothing is installed; an old one knows no completion.
set -eu

does=$1 share=$2 zsh=$3 lua=$4

page() {
  path=$share/$1
  shift
  if [ "$does" = uninstall ]; then
    rm -f "$path"
    return
  fi
  install -d "${path%/*}"
  "$lua" lua/connectparticipant/command.lua "$@" >"$path"
  chmod 644 "$path"
}

if [ "$does" = install ] && ! "$lua" -e 'require "argparse"' 2>/dev/null; then
  echo "$lua is missing, or has no lua-argparse, which the command needs: no manual page, no completion" >&2
  exit
fi
page man/man1/connectparticipant.1 help --man
if [ "$does" = install ] && ! "$lua" -e 'assert(require("argparse")().get_bash_complete)' 2>/dev/null; then
  echo "This lua-argparse is older than 0.7: no completion" >&2
  exit
fi
page bash-completion/completions/connectparticipant completion bash
page "zsh/$zsh/_connectparticipant" completion zsh
page fish/vendor_completions.d/connectparticipant.fish completion fish
