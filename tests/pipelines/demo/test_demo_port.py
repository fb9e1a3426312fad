from babelsift.pipelines.demo.server import serving
from babelsift.pipelines.demo.web import build_web


def test_a_port_that_is_taken_is_not_waited_for():
    web = build_web(seed=0, pairs=100)
    with serving(web) as first:
        port = int(first.rsplit(":", 1)[1])
        with serving(web, port) as second:
            assert first != second


def test_a_port_that_is_free_is_taken():
    web = build_web(seed=0, pairs=100)
    served = []
    while not served or served[-2] != served[-1]:  # another process may have taken it in between
        with serving(web) as first:
            port = int(first.rsplit(":", 1)[1])
        with serving(web, port) as second:
            served += [first, second]
        assert len(served) < 20
