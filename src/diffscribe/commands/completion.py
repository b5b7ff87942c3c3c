"""What has a shell complete `git-diffscribe`, and git's own completion ask that."""

from collections.abc import Mapping

import click
from click.shell_completion import (
    BashComplete,
    FishComplete,
    ShellComplete,
    ZshComplete,
)

PROGRAM = "git-diffscribe"
VARIABLE = "_GIT_DIFFSCRIBE_COMPLETE"
"""By it click knows that a shell asks; it is made of the program's name."""
SHELLS: Mapping[str, tuple[type[ShellComplete], str]] = {
    "bash": (
        BashComplete,
        """
_git_diffscribe() {
    local COMP_WORDS=(git-diffscribe "${words[@]:__git_cmd_idx+1}")
    local COMP_CWORD=$((cword - __git_cmd_idx))
    _git_diffscribe_completion git-diffscribe
}
""",
    ),
    "zsh": (
        ZshComplete,
        """
_git-diffscribe() { _git_diffscribe_completion }
""",
    ),
    "fish": (
        FishComplete,
        """
function _git_diffscribe_behind_git
    set -l words (commandline -opc)
    set -e words[1..(contains -i diffscribe $words)]
    complete -C "git-diffscribe $words "(commandline -ct)
end
complete -f -c git -n '__fish_git_using_command diffscribe' \\
    -a '(_git_diffscribe_behind_git)'
""",
    ),
}
"""Click's script of each shell, and what joins it with that of git."""


def completion_script(shell: str, command: click.Command) -> str:
    """Return the script of one of SHELLS."""
    kind, joint = SHELLS[shell]
    return kind(command, {}, PROGRAM, VARIABLE).source() + joint
