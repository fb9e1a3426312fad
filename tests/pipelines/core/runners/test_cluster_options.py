"""Mistakes that people make with a cluster's options; the Flink that is asked is a real server that answers as Flink."""

import json
from http.server import BaseHTTPRequestHandler

import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from babelsift.pipelines.core.runners.cluster_options import cluster_mistakes
from tests.support.loopback_server import loopback_server

S3 = (["s3://bucket/pairs/*.parquet"], "s3://bucket/run")
EXTERNAL = "--environment_type=EXTERNAL --environment_config=localhost:50000"
SPARK = f"--runner=SparkRunner --spark_master_url=spark://spark:7077 {EXTERNAL}"
DATAFLOW = "--runner=DataflowRunner --project=p --region=r --temp_location=gs://b/tmp --sdk_container_image=eu/i:1"
FLINK_ALONE = f"--runner=FlinkRunner {EXTERNAL}"


def mistakes(words, inputs=S3[0], output=S3[1], **settings):
    return cluster_mistakes(PipelineOptions(words.split()), inputs, output, **settings)


@pytest.fixture(scope="module")
def flink():
    """host:port of what answers as a Flink 1.19.3 with four slots."""
    answers = {"/config": {"flink-version": "1.19.3"}, "/overview": {"slots-total": 4}}

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps(answers[self.path]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with loopback_server(Answers) as url:
        yield url.removeprefix("http://")


@pytest.mark.parametrize(
    "words",
    [
        "",
        "--runner=local",
        "--direct_num_workers=2 --direct_running_mode=multi_processing",
        SPARK,
        DATAFLOW,
        "--runner=FlinkRunner --environment_type=LOOPBACK",
        f"--runner=PortableRunner --job_endpoint=jobs:8099 {EXTERNAL}",
        f"--runner=FlinkRunner --job_endpoint=jobs:8099 {EXTERNAL}",
    ],
)
def test_options_that_are_right_are_taken(words):
    inputs, output = S3 if "Dataflow" not in words else (["gs://b/pairs.parquet"], "gs://b/run")
    assert mistakes(words, inputs, output) == []


def test_a_flink_that_is_there_is_taken(flink):
    for master in (flink, f"http://{flink}", f"http://{flink}/"):
        words = f"{FLINK_ALONE} --flink_master={master} --flink_version=1.19 --parallelism=4"
        assert mistakes(words) == []


@pytest.mark.parametrize(
    ("words", "mistake"),
    [
        ("--flink_master=flink:8081", "--flink_master: is not read by a run in process; take --runner FlinkRunner"),
        (f"{SPARK} --flink_master=f:1", "--flink_master: is not read by --runner SparkRunner"),
        (f"{SPARK} --direct_num_workers=4", "--direct_num_workers: is not read by --runner SparkRunner"),
        (FLINK_ALONE, "--flink_master: is missing"),
        (f"{FLINK_ALONE} --flink_master=flink", "--flink_master flink: is not HOST:PORT"),
        (f"{FLINK_ALONE} --flink_master=127.0.0.1:1", "no Flink answers there ([Errno 111] Connection refused)"),
        (f"--runner=SparkRunner {EXTERNAL}", "--spark_master_url: is missing"),
        (f"--runner=SparkRunner --spark_master_url=spark:7077 {EXTERNAL}", "is not spark://HOST:PORT"),
        (f"{SPARK} --spark_submit_uber_jar", "--spark_rest_url: --spark_submit_uber_jar sends the job there"),
        (DATAFLOW.replace("--region=r", ""), "--region: is missing"),
        (DATAFLOW.replace("gs://b/tmp", "/tmp"), "--temp_location /tmp: is not in a bucket"),
        (DATAFLOW.replace("--sdk_container_image=eu/i:1", ""), "--sdk_container_image: is missing"),
        (SPARK.replace(EXTERNAL, ""), "--environment_type: without it means Beam's own image, which has no babelsift"),
        (SPARK.replace(EXTERNAL, "--environment_type=DOCKER"), "--environment_type: DOCKER means Beam's own image"),
        (SPARK.replace("localhost:50000", "http://localhost:50000"), "http://localhost:50000: is not HOST:PORT"),
        (SPARK.replace("localhost:50000", "localhost"), "--environment_config localhost: is not HOST:PORT"),
        (SPARK.replace(EXTERNAL, "--environment_type=EXTERNAL"), "EXTERNAL needs the worker pool's HOST:PORT"),
        (SPARK.replace("EXTERNAL", "PROCESS"), "--environment_config: is not JSON (localhost:50000)"),
        (SPARK.replace(EXTERNAL, "--environment_type=PROCESS"), "PROCESS needs a command"),
        (f"--runner=SparkRunner --spark_master_url=localhost:7077 {EXTERNAL}", "is not spark://HOST:PORT"),
        (SPARK.replace("EXTERNAL", "external"), "--environment_type external: did you mean 'EXTERNAL'?"),
        (SPARK.replace("EXTERNAL", "KUBERNETES"), "--environment_type KUBERNETES: there are DOCKER"),
        (f"{SPARK} --save_main_session", "--save_main_session: babelsift's steps live in installed modules"),
        (f"{SPARK} --streaming", "--streaming: a run is a batch job"),
        (f"{SPARK} --sdk_worker_parallelism=0", "--sdk_worker_parallelism 0: take 1, or leave it out"),
    ],
)
def test_a_mistake_is_one_line_with_its_remedy(words, mistake):
    inputs, output = S3 if "Dataflow" not in words else (["gs://b/pairs.parquet"], "gs://b/run")
    [line] = mistakes(words, inputs, output)
    assert mistake in line
    assert "\n" not in line


def test_a_flink_of_another_version_or_with_fewer_slots_is_told(flink):
    words = f"{FLINK_ALONE} --flink_master={flink}"
    assert "the cluster is Flink 1.19.3" in mistakes(f"{words} --flink_version=1.20")[0]
    assert mistakes(f"{words} --flink_version=1.20 --flink_job_server_jar=mine.jar") == []
    assert "--parallelism 8: the cluster has 4 slots" in mistakes(f"{words} --parallelism=8")[0]


def test_paths_are_what_workers_elsewhere_see():
    for path in ("out/run", "memory://run"):
        [line] = mistakes(SPARK, S3[0], path)
        assert line.startswith(f"--output {path}: ")
    assert mistakes(SPARK, ["/shared/pairs.parquet"], "/shared/run") == []
    [line] = mistakes(DATAFLOW, ["gs://b/p.parquet"], "/shared/run")
    assert "Dataflow's workers do not see this machine's disk" in line


def test_a_setup_file_is_not_enough_for_a_recipe_that_loads_models():
    words = SPARK.replace(EXTERNAL, "--setup_file=./setup.py")
    assert mistakes(words) == []
    [line] = mistakes(words, needs_torch=True)
    assert line.startswith("--setup_file: installs no torch")


def test_all_mistakes_are_told_at_once():
    assert len(mistakes("--runner=DataflowRunner", ["pairs.parquet"], "run")) == 6
