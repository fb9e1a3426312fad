"""Writes tars as other programs write webdatasets."""

import io
import json
import tarfile


def write_tar(path, members):
    """Writes members, (name, content) each, in their order; what is no bytes or text is JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, content in members:
            if not isinstance(content, (bytes, str)):
                content = json.dumps(content)
            content = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path
