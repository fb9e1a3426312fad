import pytest

from babelsift.pipelines.job.checks import check_settings
from babelsift.schemas import RecipeError, parse_recipe


def refusal(urls):
    """What is said of a recipe with these rules on URLs; nothing where it is taken."""
    try:
        check_settings(parse_recipe(f"name: mine\nurls: {urls}", source="mine.yaml"))
    except RecipeError as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    ("urls", "named"),
    [
        ("{allowed_hosts: [example.com], allowed_suffixes: [org, uk]}", "example.com for suffix_not_allowed"),
        ("{allowed_hosts: [example.com, a.com], blocked_suffixes: [com]}", "a.com for blocked_suffix"),
        ("{allowed_hosts: [a.example.com], opted_out_domains: [example.com]}", "a.example.com for domain_opted_out"),
        ("{allowed_hosts: ['*']}", "'*' is no host name"),
        ("{blocked_hosts: ['example.com:8080']}", "'example.com:8080' is no host name"),
        ("{allowed_suffixes: [com, nosuchsuffix]}", "'nosuchsuffix' is no public suffix"),
        ("{allowed_suffixes: [example.com]}", "hosts into urls.allowed_hosts"),
        ("{allowed_hosts: {files: [EMPTY]}}", "the list has no host"),
    ],
)
def test_lists_that_let_no_url_through_are_refused(tmp_path, urls, named):
    (tmp_path / "empty.txt").write_text("# none yet\n")
    assert named in refusal(urls.replace("EMPTY", str(tmp_path / "empty.txt")))


@pytest.mark.parametrize(
    "urls",
    [
        "{allowed_hosts: [example.com, example.org], allowed_suffixes: [org]}",
        "{allowed_hosts: [com], reject_non_photos: true, schemes: [https]}",
        "{allowed_hosts: ['*.example.com', 192.0.2.7], blocked_suffixes: [de]}",
        "{allowed_suffixes: [.com, uk, co.uk, рф]}",
        "{blocked_suffixes: [nosuchsuffix]}",
    ],
)
def test_lists_by_which_some_url_passes_are_taken(urls):
    assert refusal(urls) is None
