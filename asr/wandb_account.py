"""Whether wandb may go online: it would ask for a key where it has none, and jobs cannot answer."""

import netrc
import os
from pathlib import Path
from urllib.parse import urlsplit

WITHOUT_KEY = ("offline", "dryrun", "disabled")  # modes of wandb


def mode() -> str:
    """WANDB_MODE, online by default; offline where that would ask for a key."""
    wanted = os.environ.get("WANDB_MODE") or "online"
    return wanted if wanted in WITHOUT_KEY or has_key() else "offline"


def has_key() -> bool:
    """There is one where wandb itself would look."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    host = urlsplit(os.environ.get("WANDB_BASE_URL") or "https://api.wandb.ai").netloc
    try:
        saved = netrc.netrc(os.environ.get("NETRC") or Path.home() / ".netrc").authenticators(host)
    except (OSError, netrc.NetrcParseError, UnicodeDecodeError):
        return False
    return bool(saved and saved[2])
