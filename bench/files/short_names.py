"""Names that stand in names of files: as they are where any file system takes them, else shortened, with a hash."""

from __future__ import annotations

import hashlib
import re

#: Characters that a name may have in a file's name.
LONGEST = 60


def short_name(name: str) -> str:
    """The name where it is short and of a-z, 0-9 and + _ - = , . ( ); else its beginning and a hash.

    Capitals count as other characters: some file systems do not tell them from small letters.
    """
    if len(name) <= LONGEST and re.fullmatch(r"[a-z0-9+_=,()-][a-z0-9+_=,.()-]*(?<!\.)", name):
        return name
    plain = re.sub(r"[^a-z0-9+_=,()-]+", "_", name.lower())
    return f"{plain[: LONGEST - 14]}--{hashlib.sha256(name.encode()).hexdigest()[:12]}"
