from babelsift.filters.uids import compute_uids
from babelsift.pipelines.stages.rules import FilterPairs
from babelsift.schemas.recipe import CaptionEdits, CaptionRules, UrlRules

CAPTIONS = ["cafÃ© noir", "write to a@b.de", "a dog", "e\u0301"]


def test_edits_come_before_the_rules_are_recorded_and_leave_the_uid(run_stage, read_rows):
    batch = read_rows(4, caption=CAPTIONS)
    edits = CaptionEdits(unicode="NFC", repair_mojibake=True, mask=("emails",))
    rules = CaptionRules(reject_emails=True, reject_mojibake=True, min_characters=2)
    outputs = run_stage(FilterPairs(rules, UrlRules(), edits), [batch])
    assert [(row["caption"], row["caption_changes"]) for row in outputs.kept] == [
        ("café noir", "mojibake"),
        ("write to [email]", "emails"),
        ("a dog", None),
    ]
    assert [row["uid"] for row in outputs.kept] == compute_uids(batch["url"], batch["caption"]).to_pylist()[:3]
    assert [(row["caption"], row["reason"], row["value"]) for row in outputs.rejected] == [
        ("é", "too_few_characters", "1")
    ]


def test_without_edits_there_is_no_column_more(run_stage, read_rows):
    batch = read_rows(4, caption=CAPTIONS)
    assert run_stage(FilterPairs(CaptionRules(), UrlRules()), [batch]).kept == batch.to_pylist()
