"""Who may ask: names, origins, paths and tokens that others would try."""

import re
import signal
import socket
from importlib import resources

import pytest

from babelsift.pipelines.cli.main import main
from tests.support.explorer import running_explorer
from tests.support.small_run import babelsift


def test_the_policy_lets_the_page_load_nothing_but_the_explorers_own(explorer):
    for path in ("/", "/page/main.js", "/api/session", "/nowhere"):
        headers = explorer.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"


def test_the_page_has_no_inline_code_and_names_no_other_site():
    page = resources.files("babelsift.pipelines.explorer") / "page"
    for file in page.iterdir():
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text), file.name
        others = set(re.findall(r"https?://[\w.]+", text)) - {"http://www.w3.org"}
        assert not others, file.name
    index = (page / "index.html").read_text()
    assert not re.search(r"<script>|\son\w+=|\sstyle=", index)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "", "127.0.0.1.evil.example"])
def test_a_foreign_name_that_resolves_here_is_refused(explorer, host):
    assert explorer.get("/api/session", headers={"Host": host}).status == 421


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"},
    ],
)
def test_other_sites_are_refused(explorer, headers):
    assert explorer.get("/api/session", headers=headers).status == 403
    assert explorer.get("/api/0/image/0", headers=headers).status == 403
    assert explorer.post("/api/labels", {"run": 0, "row": 0, "label": "good"}, headers).status == 403


def test_a_link_from_elsewhere_opens_the_page_and_nothing_else(explorer):
    visit = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert explorer.get("/", headers=visit).status == 200
    assert explorer.get("/api/0/export/uids", headers=visit).status == 403


def test_a_form_cannot_label(explorer):
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert explorer.send("POST", "/api/labels", b'{"run":0,"row":0,"label":"good"}', form).status == 415


@pytest.mark.parametrize(
    "path",
    [
        "/page/../routes.py",
        "/page/..%2froutes.py",
        "/page/%2e%2e/%2e%2e/%2e%2e/setup.py",
        "/page//etc/passwd",
        "/page/%00",
        "/../../etc/passwd",
        "/api/0/image/../../session.py",
        "/api/9/rows",
        "/api/0/image/99999999999999999999",
        "/api/-1/rows",
        "/api/0/export/..%2f..%2fx",
        "/api/0/uid/..%2f..%2fetc",
    ],
)
def test_no_path_leads_out_of_what_is_served(explorer, path):
    answer = explorer.send("GET", path)
    assert answer.status == 404, (path, answer.body[:80])


@pytest.mark.parametrize("content", [b"[]", b"{", b"[" * 20_000, b'{"run":0,"row":"0","label":"good"}', b"{}"])
def test_a_label_that_is_none_is_refused(explorer, content):
    assert explorer.post("/api/labels", content).status == 400


def test_more_than_a_label_is_not_read(explorer):
    assert explorer.post("/api/labels", b" " * 100_000).status == 413


def test_from_elsewhere_a_token_is_asked_for(explored, tmp_path):
    with running_explorer(explored.url, "--host", "0.0.0.0", "--labels", str(tmp_path / "l.csv")) as running:
        port = int(re.search(r":(\d+)/\?token=", running.url)[1])
        token = running.url.partition("token=")[2]
        running.url = f"http://127.0.0.1:{port}/"
        assert len(token) >= 32
        for path in ("/", "/page/main.js", "/api/session", "/?token=", "/api/session?token=" + token):
            assert running.get(path).status == 401, path
        entered = running.get(f"/?token={token}")
        assert entered.status == 303
        assert entered.headers["location"] == "/"
        cookie = entered.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert cookie.startswith(f"babelsift_explorer_{port}=")  # another explorer's is kept
        assert "samesite=strict" in cookie.lower()
        assert running.get("/api/session", headers={"Cookie": cookie.partition(";")[0]}).status == 200
        assert running.get("/api/session", headers={"Authorization": f"Bearer {token}"}).status == 200
        assert running.get("/api/session", headers={"Authorization": f"Bearer {token[:-1]}x"}).status == 401


def test_two_explorers_stand_side_by_side_and_a_taken_port_is_one_line(explored, explorer, tmp_path):
    labels = ["--labels", str(tmp_path / "l.csv")]
    with running_explorer(explored.url, *labels) as second:
        assert second.address != explorer.address
        assert second.get("/api/session").status == explorer.get("/api/session").status == 200
        said = babelsift("explore", explored.url, "--port", second.address.partition(":")[2], *labels)
        assert said.code == 2
        assert "name another --port" in said.error


def test_what_cannot_be_explored_is_one_line(tmp_path):
    assert "no complete run is there" in babelsift("explore", str(tmp_path)).error
    assert "cannot listen on 203.0.113.9" in babelsift("explore", str(tmp_path), "--host", "203.0.113.9").error


def test_ctrl_c_is_one_line(explored, tmp_path):
    with running_explorer(explored.url, "--labels", str(tmp_path / "l.csv")) as running:
        assert running.get("/api/session").status == 200
        running.process.send_signal(signal.SIGINT)
        _, said = running.process.communicate(timeout=60)
        assert running.process.returncode == 130
        assert said.splitlines()[-1] == "babelsift: interrupted"
        assert len(said.splitlines()) == 2
        with socket.socket() as free:
            free.bind(("127.0.0.1", int(running.address.partition(":")[2])))


def test_the_command_says_what_it_is_for(capsys):
    with pytest.raises(SystemExit):
        main(["explore", "--help"])
    assert "It changes no run" in capsys.readouterr().out.replace("\n", " ").replace("  ", " ")
