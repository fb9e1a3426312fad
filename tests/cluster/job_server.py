"""Beam's Flink job server as one jar, made once by Maven from its published libraries."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from flink_cluster import ClusterError

_POM = Path(__file__).with_name("job_server") / "pom.xml"


def check_maven(jar: Path | None) -> None:
    """Looks whether there is a job server, or what makes one.

    Args:
        jar: a jar that is given; None: Maven makes it.

    Raises:
        ClusterError: there is no such jar.
        ClusterError: there is no Maven.
    """
    if jar is not None and not jar.is_file():
        raise ClusterError(f"--job-server-jar {jar}: no such file; leave it out, and Maven makes one")
    if jar is None and shutil.which("mvn") is None:
        raise ClusterError("Maven (`mvn`) makes the job server; install it, or name its jar by --job-server-jar")


def build_job_server(target: Path) -> Path:
    """Returns the job server's jar, made by Maven on the first call.

    Raises:
        ClusterError: Maven is missing, or cannot make it here.
    """
    if not (jars := sorted(target.glob("flink-job-server-*.jar"))):
        check_maven(None)
        print("making Beam's Flink job server with Maven, once (about 160 MB)", flush=True)
        work = target / "work"
        work.mkdir(parents=True, exist_ok=True)
        shutil.copy(_POM, work / "pom.xml")
        done = subprocess.run(["mvn", "-B", "-q", "package"], cwd=work, stdout=subprocess.PIPE, text=True)
        if done.returncode:
            raise ClusterError(f"Maven failed: {done.stdout.strip().splitlines()[0]}; or use --job-server-jar")
        [made] = (work / "target").glob("flink-job-server-*.jar")
        jars = [made.rename(target / made.name)]
        shutil.rmtree(work)
    return jars[0]
