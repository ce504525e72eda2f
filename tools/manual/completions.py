"""Completions for bash, zsh and fish, from the help of the programs."""

_DIRECTORIES, _FILES = ("DIR", "STATEDIR", "OUT", "ROOT", "COPY"), ("FILE", "KEY", "SEGMENT")


def _kind(form, names=()):
    """What a value or an argument is: a directory, a file, a ring, or nothing that can be completed."""
    word = form.strip("[]. …").split("|")[0]
    if word in _DIRECTORIES:
        return "directory"
    if word in _FILES:
        return "file"
    return "ring" if word == "RING" or (word == "NAME" and (not names or "--ring" in names)) else ""


def _values(page):
    """For each option with a value: its names, and the words or the kind of what stands behind it."""
    for option in page.options:
        if option.takes_a_word:
            yield option.names, option.words, _kind(option.form, option.names)


_BASH_KIND = {"directory": "compgen -d -- \"$word\"", "file": "compgen -f -- \"$word\"", "": ":",
              "ring": "compgen -W \"$(_shmring_rings)\" -- \"$word\""}


def _bash_case(page):
    names = " ".join(name for option in page.options for name in option.names)
    lines = ["      case $previous in"]
    for option, words, kind in _values(page):
        how = f"compgen -W \"{' '.join(words)}\" -- \"$word\"" if words else _BASH_KIND[kind]
        lines.append(f"        {'|'.join(option)}) {how}; return ;;")
    lines.append("      esac")
    lines.append(f"      case $word in -*) compgen -W \"{names}\" -- \"$word\"; return ;; esac")
    words = " ".join(command.names[0] for command in page.commands)
    kind = _kind(page.positionals[0].names[0]) if page.positionals else ""
    lines.append(f"      compgen -W \"{words}\" -- \"$word\"" if words else f"      {_BASH_KIND[kind]}")
    return lines


def bash(program, pages):
    out = [f"# Completions of {program} for bash. They are made from the program's help.",
           "_shmring_rings() {", "  local path", "  for path in \"${SHMRING_DIR:-/dev/shm}\"/shmring.*; do",
           "    [ ! -e \"$path\" ] || printf '%s\\n' \"${path##*/shmring.}\"", "  done", "}",
           f"_{program}_words() {{", "  local word=$1 previous=$2 command=$3", "  case $command in"]
    for page in pages:
        out += [f"    '{page.command}')", *_bash_case(page), "      ;;"]
    out += ["  esac", "}", f"_{program}() {{", "  local command= i"]
    if len(pages) > 1:
        out += ["  for ((i = 1; i < COMP_CWORD; i++)); do",
                "    case ${COMP_WORDS[i]} in -*) ;; *) command=${COMP_WORDS[i]}; break ;; esac", "  done"]
    return "\n".join([*out, f"  mapfile -t COMPREPLY < <(_{program}_words \"$2\" \"$3\" \"$command\")",
                      "  compopt -o filenames 2>/dev/null", "}", f"complete -F _{program} {program}"]) + "\n"


_ZSH_KIND = {"directory": "_files -/", "file": "_files", "ring": "_shmring_rings", "": " "}


def _zsh_text(text):
    text = text.replace("\\", "").replace("'", "’").replace("[", "(").replace("]", ")").replace(":", "\\:").replace("`", "")
    return text.split(". ")[0][:70]


def _zsh_arguments(page):
    for option in page.options:
        value = ""
        if option.takes_a_word:
            kind = _ZSH_KIND[_kind(option.form, option.names)]
            value = f":value:({' '.join(option.words)})" if option.words else f":value:{kind}"
        for name in option.names:
            yield f"'{name}[{_zsh_text(option.text)}]{value}'"
    for positional in page.positionals:
        yield f"'*:{positional.names[0].lower()}:{_ZSH_KIND[_kind(positional.names[0])]}'"


def zsh(pages):
    out = ["#compdef shmring shmringd", "# Completions for zsh. They are made from the programs' help.",
           "_shmring_rings() {", "  local -a rings", "  rings=(${SHMRING_DIR:-/dev/shm}/shmring.*(N:t:s/shmring.//))",
           "  compadd -a rings", "}"]
    for page in pages:
        if not page.commands:
            out += [f"_{page.program}_{page.command or 'options'}() {{", "  _arguments \\",
                    *(f"    {argument} \\" for argument in _zsh_arguments(page)), "    && return", "}"]
    names = [f"'{command.names[0]}:{_zsh_text(command.text)}'" for page in pages for command in page.commands]
    out += ["_shmring() {", "  if (( CURRENT == 2 )); then", "    local -a commands", "    commands=(",
            *(f"      {name}" for name in names), "    )", "    _describe command commands",
            "    return", "  fi", "  local command=$words[2]", "  shift words",
            "  (( CURRENT -= 1 ))", "  (( $+functions[_shmring_$command] )) && _shmring_$command", "}",
            "case $service in", "  shmringd) _shmringd_options ;;", "  *) _shmring \"$@\" ;;", "esac"]
    return "\n".join(out) + "\n"


_FISH_KIND = {"directory": " -xa '(__fish_complete_directories)'", "file": " -rF", "ring": " -xa '(__shmring_rings)'",
              "": " -x"}


def _fish_text(text):
    return text.replace("\\", "").replace("'", "’").split(". ")[0][:70]


def _fish_option(option):
    names = "".join(f" -l {name[2:]}" if name.startswith("--") else f" -s {name[1:]}" for name in option.names)
    value = ""
    if option.takes_a_word:
        value = f" -xa '{' '.join(option.words)}'" if option.words else _FISH_KIND[_kind(option.form, option.names)]
    return f"{names}{value} -d '{_fish_text(option.text)}'"


def fish(program, pages):
    out = [f"# Completions of {program} for fish. They are made from the program's help.", "function __shmring_rings",
           "  set -q SHMRING_DIR; and set -l folder $SHMRING_DIR; or set -l folder /dev/shm",
           "  for path in $folder/shmring.*; string replace -r '.*/shmring\\.' '' $path; end", "end",
           f"complete -c {program} -f"]
    for page in pages:
        when = f" -n '__fish_seen_subcommand_from {page.command}'" if page.command else ""
        if page.commands:
            out += [f"complete -c {program} -n __fish_use_subcommand -a {command.names[0]} -d '{_fish_text(command.text)}'"
                    for command in page.commands]
            when = " -n __fish_use_subcommand"
        out += [f"complete -c {program}{when}{_fish_option(option)}" for option in page.options]
        for positional in page.positionals:
            if kind := _kind(positional.names[0]):
                out.append(f"complete -c {program}{when}{_FISH_KIND[kind].replace('-xa', '-a').replace(' -rF', ' -F')}")
    return "\n".join(out) + "\n"
