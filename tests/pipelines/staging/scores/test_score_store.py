import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from embedding_reader import EmbeddingReader

from babelsift.filters.clip import result_schema
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.staging.scores.score_cleanup import remove_orphans
from babelsift.pipelines.staging.scores.score_store import METADATA_SCHEMA, DamagedChunkError, ScoreStore
from babelsift.schemas import RunFolderError

ROOT = "staging/scores/tiny-0123abcd"


@pytest.fixture
def folder(tmp_path):
    return RunFolder(str(tmp_path))


@pytest.fixture
def store(folder):
    return ScoreStore(folder, "tiny", "0123abcd" * 8)


def pairs(*uids, sha256="aa"):
    rows = [{"uid": uid, "sha256": sha256, "image_size": 100 + at, "caption": uid} for at, uid in enumerate(uids)]
    return pa.RecordBatch.from_pylist(rows)


def results(*similarities, embeddings=True):
    rows = [
        {
            "similarity": similarity,
            "error": "image: broken" if similarity is None else None,
            "image_embedding": None if similarity is None else np.array([similarity, 1], np.float16),
            "text_embedding": None if similarity is None else np.array([1, similarity], np.float16),
        }
        for similarity in similarities
    ]
    return pa.RecordBatch.from_pylist(rows, schema=result_schema(2 if embeddings else None))


def test_scores_are_read_back(store):
    store.add(12, pairs("a", "b"), results(0.25, None))
    assert store.scores(12) == {("a", "aa", 100): (0.25, None), ("b", "aa", 101): (None, "image: broken")}
    assert store.scores(1) == {}


def test_layout_is_clip_retrievals_and_row_aligned(store, tmp_path):
    store.add(12, pairs("a", "b", "c"), results(0.25, None, 0.5))
    store.add(12, pairs("d"), results(0.75))
    written = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*") if path.is_file())
    assert written == [
        f"{ROOT}/img_emb/img_emb_00012_0000.npy",
        f"{ROOT}/img_emb/img_emb_00012_0001.npy",
        f"{ROOT}/metadata/metadata_00012_0000.parquet",
        f"{ROOT}/metadata/metadata_00012_0001.parquet",
        f"{ROOT}/text_emb/text_emb_00012_0000.npy",
        f"{ROOT}/text_emb/text_emb_00012_0001.npy",
    ]
    metadata = pq.read_table(tmp_path / ROOT / "metadata/metadata_00012_0000.parquet")
    assert metadata.schema.equals(METADATA_SCHEMA)
    assert metadata.column("uid").to_pylist() == ["a", "b", "c"]
    image, text = (np.load(tmp_path / ROOT / kind / f"{kind}_00012_0000.npy") for kind in ("img_emb", "text_emb"))
    assert image.dtype == text.dtype == np.float16
    assert image.tolist() == [[0.25, 1], [0, 0], [0.5, 1]]
    assert text.tolist() == [[1, 0.25], [0, 0], [1, 0.5]]


def test_a_part_without_its_metadata_is_written_again(store, tmp_path):
    store.add(3, pairs("a"), results(0.25))
    (tmp_path / ROOT / "metadata/metadata_00003_0000.parquet").unlink()
    assert store.scores(3) == {}
    store.add(3, pairs("b", "c"), results(0.5, 0.75))
    assert list(store.scores(3)) == [("b", "aa", 100), ("c", "aa", 101)]
    assert np.load(tmp_path / ROOT / "img_emb/img_emb_00003_0000.npy").shape == (2, 2)


def test_another_image_is_another_score(store):
    store.add(3, pairs("a"), results(0.25))
    store.add(3, pairs("a", sha256="bb"), results(0.5))
    assert store.scores(3) == {("a", "aa", 100): (0.25, None), ("a", "bb", 100): (0.5, None)}


def test_without_embeddings(folder, store, tmp_path):
    plain = ScoreStore(folder, "tiny", "0123abcd" * 8, keep_embeddings=False)
    plain.add(3, pairs("a"), results(0.25, embeddings=False))
    assert plain.scores(3) == {("a", "aa", 100): (0.25, None)}
    assert [path.name for path in tmp_path.rglob("*.npy")] == []
    assert store.scores(3) == {}, "its embeddings are not there yet"
    store.add(3, pairs("b"), results(0.5))
    assert set(plain.scores(3)) == {("a", "aa", 100), ("b", "aa", 100)}


def test_info_is_written_once_and_guards_the_folder(folder, store):
    store.describe({"model": "m", "precision": "fp32"})
    store.describe({"model": "not looked at"})
    assert folder.read_json(f"{ROOT}/info.json") == {"fingerprint": "0123abcd" * 8, "model": "m", "precision": "fp32"}
    twin = ScoreStore(folder, "tiny", "0123abcd" + "f" * 56)
    with pytest.raises(RunFolderError, match=r"describes another model.*give the model another name"):
        twin.describe({"model": "m"})


def bit_flipped(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 10] ^= 1  # within the pages: the footer is longer than they are
    path.write_bytes(content)


@pytest.mark.parametrize(
    "damage", [lambda path: path.write_bytes(b""), lambda path: path.write_bytes(b"PAR1 no"), bit_flipped]
)
def test_a_damaged_part_is_named_skipped_and_written_again(store, tmp_path, caplog, damage):
    for number, uid in enumerate("abc"):
        store.add(3, pairs(uid), results(0.25 * number))
    damage(tmp_path / ROOT / "metadata/metadata_00003_0001.parquet")
    assert {uid for uid, _, _ in store.scores(3)} == {"a", "c"}
    assert "metadata_00003_0001.parquet is damaged" in caplog.text
    store.add(3, pairs("b"), results(0.25))
    assert {uid: score for (uid, _, _), (score, _) in store.scores(3).items()} == {"a": 0.0, "b": 0.25, "c": 0.5}
    assert len(list((tmp_path / ROOT / "metadata").iterdir())) == 3


def test_metadata_of_something_else(store, folder):
    with folder.writing(f"{ROOT}/metadata/metadata_00003_0000.parquet") as file:
        pq.write_table(pa.table({"uid": ["a"]}), file)
    with pytest.raises(RunFolderError, match=r"holds \['uid'\], not \['uid', 'similarity', .*move .* away"):
        store.scores(3)


def test_orphans_of_a_killed_run_are_removed(folder, store, tmp_path):
    store.add(3, pairs("a"), results(0.25))
    store.add(4, pairs("b"), results(0.5))
    store.head_scores(4, "head-1", lambda embeddings: embeddings[:, 0])
    (tmp_path / ROOT / "metadata/metadata_00004_0000.parquet").unlink()
    remove_orphans(folder)
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == [
        "img_emb_00003_0000.npy",
        "metadata_00003_0000.parquet",
        "text_emb_00003_0000.npy",
    ]
    assert store.scores(3) == {("a", "aa", 100): (0.25, None)}


def test_nothing_is_removed_where_nothing_is_stored(folder, tmp_path):
    remove_orphans(folder)
    assert list(tmp_path.iterdir()) == []


def test_heads_score_stored_embeddings_once(store):
    store.add(3, pairs("a", "b"), results(0.25, None))
    store.add(3, pairs("c"), results(0.5))
    found, computed = store.head_scores(3, "head-1", lambda embeddings: embeddings[:, 0] * 4)
    assert found == {("a", "aa", 100): 1.0, ("b", "aa", 101): None, ("c", "aa", 100): 2.0}
    assert computed == 3
    assert store.head_scores(3, "head-1", None) == (found, 0)


def flip_last_bit(file):
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda file: file.write_bytes(b"no array"), "the magic string is not correct"),
        (lambda file: file.write_bytes(file.read_bytes()[:-1]), "(EOF: reading array data|Failed to read all data)"),
        (lambda file: np.save(file, np.zeros((1, 4), np.float16)), "it does not hold the 2 vectors that were stored"),
        (lambda file: np.save(file, np.float16(1)), "it does not hold the 2 vectors that were stored"),
        (flip_last_bit, "it does not hold the 2 vectors that were stored"),
        (lambda file: file.unlink(), "No such file"),
    ],
)
def test_damaged_embeddings_are_scored_again(store, tmp_path, damage, reason):
    store.add(3, pairs("a", "b"), results(0.25, 0.5))
    store.add(3, pairs("c"), results(0.75))
    damage(tmp_path / ROOT / "img_emb/img_emb_00003_0000.npy")
    with pytest.raises(
        DamagedChunkError,
        match=f"img_emb_00003_0000.npy is damaged: .*{reason}.*; empty .*/metadata_00003_0000.parquet, .* and run .* again",
    ):
        store.known_head_scores(3, "head-1", lambda embeddings: embeddings[:, 0])
    assert len(store.scores(3)) == 3
    with pytest.raises(DamagedChunkError):
        store.head_scores(3, "head-1", lambda embeddings: embeddings[:, 0])
    assert store.scores(3) == {("c", "aa", 100): (0.75, None)}
    store.add(3, pairs("a", "b"), results(0.25, 0.5))
    found, computed = store.head_scores(3, "head-1", lambda embeddings: embeddings[:, 0] * 4)
    assert (found[("b", "aa", 101)], len(found), computed) == (2.0, 3, 3)


def test_unreadable_head_scores(store, tmp_path):
    store.add(3, pairs("a"), results(0.25))
    store.head_scores(3, "head-1", lambda embeddings: embeddings[:, 0])
    (tmp_path / ROOT / "heads/head-1/head_00003_0000.npy").write_bytes(b"no array")
    with pytest.raises(RunFolderError, match=r"cannot read .*head_00003_0000.npy: .*; remove it and run again"):
        store.head_scores(3, "head-1", lambda embeddings: embeddings[:, 0])


def test_autofaiss_reader_reads_embeddings_beside_their_metadata(store, tmp_path):
    store.add(3, pairs("a", "b"), results(0.25, None))
    store.add(12, pairs("c"), results(0.5))
    reader = EmbeddingReader(
        embeddings_folder=str(tmp_path / ROOT / "img_emb"),
        metadata_folder=str(tmp_path / ROOT / "metadata"),
        meta_columns=["uid", "similarity"],
        file_format="parquet_npy",
    )
    assert (reader.count, reader.dimension) == (3, 2)
    rows = [
        (row["uid"], vector.tolist())
        for vectors, table in reader(batch_size=2, start=0, end=3, show_progress=False)
        for vector, row in zip(vectors, table.to_dict("records"), strict=True)
    ]
    assert rows == [("a", [0.25, 1]), ("b", [0, 0]), ("c", [0.5, 1])]
