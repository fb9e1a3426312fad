"""Credentials of the command line are in no file of a finished run folder, and in nothing that is printed or logged."""

import base64
import json
import subprocess
import sys

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.dirfs import DirFileSystem
from fsspec.implementations.local import LocalFileSystem

from babelsift.pipelines.cli.main import main
from tests.support.hostile_web import encoded, photo
from tests.support.img2dataset_folder import entries, write_shard
from tests.support.small_run import babelsift, write_recipe

SECRET, SIGNATURE = "s3cr3tpassw0rd", "f00dsignature"
PASSWORDS = "Basic " + base64.b64encode(f"ann:{SECRET}".encode()).decode()


def guarded(body):
    """Answers with a body who names the password and the signature, others with 401."""

    async def answer(request):
        is_known = request.headers.get("authorization") == PASSWORDS and SIGNATURE in request.path
        head = f"HTTP/1.1 {'200 OK' if is_known else '401 Unauthorized'}\r\nContent-Length: {len(body) if is_known else 0}\r\n"
        await request.send(f"{head}Connection: close\r\n\r\n".encode() + (body if is_known else b""))
        request.writer.close()

    return answer


@pytest.mark.slow
def test_no_secret_of_the_command_line_is_written_or_shown(tmp_path, hostile_web, capfd):
    async def image(request):
        body = encoded(photo(7, (64, 48)))
        head = (
            f"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        await request.send(head.encode() + body)
        request.writer.close()

    hostile_web.on_any(image)
    captions = [f"a dog on a red sofa number {n}" for n in range(3)]
    table = "URL,TEXT\n" + "".join(f"{hostile_web.url(f'/{n}.jpg')},{text}\n" for n, text in enumerate(captions))
    entries = json.dumps(["dog", "sofa"])

    def secret_url(path, body):
        hostile_web.on(f"{path}?X-Amz-Signature={SIGNATURE}", guarded(body.encode()))
        return f"http://ann:{SECRET}@127.0.0.1:{hostile_web.port}{path}?X-Amz-Signature={SIGNATURE}"

    url, list_url = secret_url("/pairs.csv", table), secret_url("/entries.json", entries)
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        f"name: secret\nmetadata: {{entries: '{list_url}'}}\n"
        "download: {allow_addresses: [127.0.0.0/8], ports: null, timeout_s: 60, total_timeout_s: 120}\n"
    )
    out = tmp_path / "out"
    words = [sys.executable, "-m", "babelsift", "curate", "--recipe", str(recipe), "--input", url, "--output", str(out)]
    done = subprocess.run([*words, "--verbose"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads((out / "funnel.json").read_text())["kept_rows"] >= 1
    printed = done.stdout + done.stderr
    for args in (["status", str(out)], ["status", str(out), "--json"], ["why", str(out), hostile_web.url("/0.jpg")]):
        assert main(args) == 0
    assert main([*words[3:-3], url + "x", *words[-2:]]) == 2
    said = capfd.readouterr()
    assert said.out
    assert "127.0.0.1" in said.err
    for text in (printed, said.out, said.err):
        assert SECRET not in text
        assert SIGNATURE not in text
    written = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert len(written) > 10
    for path, content in written.items():
        assert SECRET.encode() not in content, path
        assert SIGNATURE.encode() not in content, path


@pytest.mark.slow
def test_no_secret_of_output_and_staging_is_written_or_shown(tmp_path):
    """Both are on a file system that takes a user's name and password from the URL, as sftp, ftp and webdav do."""
    home = tmp_path / "server"
    (home / "theirs").mkdir(parents=True)
    write_shard(home / "theirs", 0, entries(4))
    fsspec.register_implementation("guarded", guarded_files(home), clobber=True)
    recipe = write_recipe(tmp_path / "recipe.yaml")
    place = f"guarded://ann:{SECRET}@store"
    command = ["curate", "--verbose", "--recipe", recipe, "--staging", f"{place}/theirs", "--output", f"{place}/out"]
    printed = []
    for words in (command, command, ["status", f"{place}/out"], ["why", f"{place}/out", "nothing"]):
        said = babelsift(*words)
        printed.append(said.log)
    assert (home / "out" / "funnel.json").exists(), printed
    (home / "in").mkdir()
    table = pa.table({"url": [entry.url for entry in entries(4)], "caption": ["a dog on a sofa"] * 4})
    pq.write_table(table, home / "in" / "pairs.parquet")
    said = babelsift(*command[:-1], f"{place}/out2", "--input", f"{place}/in/*.parquet")
    assert said.code == 0, said.log
    printed.append(said.log)
    for broken in ("staging/adopted/00000_stats.json", "manifest.json"):
        (home / "out" / broken).write_bytes(b"{")
        printed.append(babelsift(*command).log)
    (home / "out" / "manifest.json").write_bytes(b"")
    printed.append(babelsift("status", f"{place}/out").log)
    printed.append(babelsift(*command[:-1], f"{place}/nowhere\0/out").log)
    for text in printed:
        assert SECRET not in text
    written = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    assert len(written) > 15
    for path, content in written.items():
        assert SECRET.encode() not in content, path
        assert SECRET not in str(path)


def guarded_files(home):
    """A class of file systems below a folder that wants the password of the URL."""

    class GuardedFiles(DirFileSystem):
        protocol = "guarded"
        cachable = False

        def __init__(self, password=None, **_):
            if password != SECRET:
                raise PermissionError("no such user, or another password")
            super().__init__(str(home), fs=LocalFileSystem(auto_mkdir=True))

        @classmethod
        def _strip_protocol(cls, path):
            return path.partition("@store/")[2] if "://" in path else path.strip("/")

        @staticmethod
        def _get_kwargs_from_urls(path):
            return {"password": path.partition("://")[2].partition("@")[0].partition(":")[2]} if "://" in path else {}

    return GuardedFiles
