"""Where things are kept unless the user says otherwise."""

from __future__ import annotations

import os
from pathlib import Path


def default_gallery() -> str:
    """The gallery that is used when none is named: FACEREC_GALLERY, or a file in the system's place for user data."""
    named = os.environ.get("FACEREC_GALLERY")
    if named:
        return named
    return str(data_folder() / "gallery.db")


def data_folder() -> Path:
    """The system's place for a user's data: where the gallery is that nobody named."""
    import platformdirs  # not needed where the gallery is named

    return Path(platformdirs.user_data_dir("facerec")).absolute()


def default_key_file() -> Path:
    """The file of keys that is used when none is named: in the system's place for settings, not where galleries lie."""
    import platformdirs

    return Path(platformdirs.user_config_dir("facerec")) / "gallery.key"


def milvus_token() -> str:
    """What a Milvus lets one in by, user:password or a key: FACEREC_MILVUS_TOKEN; empty where there is none."""
    return os.environ.get("FACEREC_MILVUS_TOKEN", "")
