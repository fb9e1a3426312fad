from babelsift.pipelines.stages.concept_matching import MatchConcepts
from babelsift.schemas.recipe import ConceptSettings

CAPTIONS = ["a black dog", "nothing here", "dog", "dogs"]


def test_matches_are_kept_beside_the_pair_and_pairs_without_are_left_out(run_stage, language_rows, tmp_path):
    (tmp_path / "m.txt").write_text("dog\nblack dog\n")
    batch = language_rows(4, caption=CAPTIONS, mine=[1, 2, 3, 4])
    outputs = run_stage(MatchConcepts(ConceptSettings(entries=str(tmp_path / "m.txt"))), [batch])
    assert [(row["source_row"], row["matched_entries"], row["mine"]) for row in outputs.kept] == [
        (0, [0, 1], 1),
        (2, [0], 3),
    ]
    assert [
        (row["source_row"], row["stage"], row["reason"], row["value"], row["threshold"]) for row in outputs.rejected
    ] == [
        (1, "metadata", "no_metadata_match", "0", "1"),
        (3, "metadata", "no_metadata_match", "0", "1"),
    ]
    assert outputs.counters["metadata.rejected_no_metadata_match_rows"] == 2
    assert outputs.counters["metadata.out_rows"] == 2


def test_a_minimum_of_zero_only_records(run_stage, language_rows, tmp_path):
    (tmp_path / "m.txt").write_text("dog\n")
    settings = ConceptSettings(entries=str(tmp_path / "m.txt"), min_matches=0)
    outputs = run_stage(MatchConcepts(settings), [language_rows(4, caption=CAPTIONS)])
    assert [row["matched_entries"] for row in outputs.kept] == [[0], [], [0], []]


def test_without_settings_pairs_pass_as_they_are(run_stage, language_rows):
    batch = language_rows(4, caption=CAPTIONS)
    outputs = run_stage(MatchConcepts(None), [batch])
    assert outputs.kept == batch.to_pylist()
    assert outputs.counters["metadata.in_rows"] == outputs.counters["metadata.out_rows"] == 4
