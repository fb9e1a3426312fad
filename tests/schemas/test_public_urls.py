import pytest

from babelsift.schemas import public_text, public_url

SECRET = "s3cr3t"


@pytest.mark.parametrize(
    ("url", "public"),
    [
        (f"http://user:{SECRET}@example.org/a.csv", "http://example.org/a.csv"),
        (f"http://{SECRET}@example.org:81/a.csv", "http://example.org:81/a.csv"),
        (f"ftp://a@b:{SECRET}@example.org/a@b.csv", "ftp://example.org/a@b.csv"),
        (f"s3://b/a.csv?X-Amz-Signature={SECRET}&X-Amz-Date=1&versionId=7", "s3://b/a.csv?versionId=7"),
        (f"https://h/a.csv?AWSAccessKeyId={SECRET}&Signature={SECRET}&Expires=1", "https://h/a.csv"),
        (f"https://h/a.csv?X-Goog-Credential={SECRET}&x%2Dgoog%2Dsignature={SECRET}", "https://h/a.csv"),
        (
            f"https://h.blob.core.windows.net/c/a.csv?sv=1&se=2&sr=b&sig={SECRET}",
            "https://h.blob.core.windows.net/c/a.csv",
        ),
        (f"https://h/a?Policy={SECRET}&Key-Pair-Id={SECRET}&part=3", "https://h/a?part=3"),
        (f"https://h/a?access_token={SECRET}&file=a.csv#top", "https://h/a?file=a.csv#top"),
        (f"https://h/a?apikey={SECRET}&key={SECRET}", "https://h/a"),
        (f"zip://a.csv::https://u:{SECRET}@h/a.zip?token={SECRET}", "zip://a.csv::https://h/a.zip"),
        ("https://h/a?key=part-1.csv&design=2&se=x", "https://h/a?key=part-1.csv&design=2&se=x"),
        ("abfs://container@account.dfs.core.windows.net/a", "abfs://container@account.dfs.core.windows.net/a"),
        ("hf://datasets/org/name@main/a.parquet", "hf://datasets/org/name@main/a.parquet"),
        ("/home/ann@work/a?b=c.csv", "/home/ann@work/a?b=c.csv"),
        ("data.csv", "data.csv"),
    ],
)
def test_what_gives_access_is_cut_and_what_names_the_file_stays(url, public):
    assert public_url(url) == public
    assert public_url(public) == public
    assert SECRET not in public


def test_urls_in_a_text_are_cut():
    text = f"503, url='http://u:{SECRET}@h/a.csv?sig={SECRET}' and https://h/b?token={SECRET}, twice"
    assert public_text(text) == "503, url='http://h/a.csv' and https://h/b twice"
