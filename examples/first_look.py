# %% [markdown]
"""
# A first look at babelsift

Open this file as a notebook (VS Code, or Jupyter with jupytext), or run it: `python examples/first_look.py`.
It needs `pip install 'babelsift[clip]'`, no GPU, and no network.
"""

# %% [markdown]
# ## Filters are functions over Arrow arrays
#
# True keeps a caption. A null is never kept, and thresholds have their unit in their name.

# %%
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from babelsift.filters.language import LanguageIdentifier
from babelsift.filters.text import has_min_words, is_not_boilerplate, is_not_filename

captions = pa.array(["IMG_2041.JPG", "image", "chien noir dans la neige", "a red boat on a lake", None])
rules = {
    "has_min_words": has_min_words(captions, minimum=3),
    "is_not_filename": is_not_filename(captions),
    "is_not_boilerplate": is_not_boilerplate(captions),
}
for name, keeps in rules.items():
    print(f"{name:20}", keeps.to_pylist())

# %% [markdown]
# ## Languages
#
# `und` is said of a caption that is too short or too mixed to tell.

# %%
print(LanguageIdentifier().identify(captions)["language"].to_pylist())

# %% [markdown]
# ## A whole run
#
# The demo draws a web of which the truth is known, serves it on this machine, and curates it. With pairs of your own
# the command is `babelsift curate --recipe laion400m --input 'pairs/*.parquet' --output out/mine`.

# %%
out = Path("out") / "first_look"
subprocess.run([sys.executable, "-m", "babelsift", "demo", "--pairs", "100", "--output", str(out)], check=True)

# %% [markdown]
# ## Where every pair went
#
# Each stage's rows in are its rows kept and its rows rejected. The ledger names the reason, the value found and the
# threshold.

# %%
for stage in json.loads((out / "funnel.json").read_text())["stages"]:
    print(f"{stage['stage']:24} {stage['in_rows']:5} in {stage['out_rows']:5} out")
ledger = pa.concat_tables([pq.read_table(path) for path in sorted((out / "rejects").glob("*.parquet"))])
for count in sorted(pc.value_counts(ledger["reason"]).to_pylist(), key=lambda count: -count["counts"]):
    print(f"{count['counts']:4}  {count['values']}")
print(ledger.slice(0, 1).select(["stage", "reason", "value", "threshold", "caption"]).to_pylist())

# %% [markdown]
# ## The product
#
# A shard is a tar that webdataset and open_clip read: an image, its caption, and a JSON member with every column.
# The parquet beside it has the same columns.

# %%
shards = sorted((out / "shards").glob("*.tar"))
with tarfile.open(shards[0]) as shard:
    for member in shard.getmembers()[:3]:
        print(member.name, member.size)
kept = pa.concat_tables([pq.read_table(path.with_suffix(".parquet")) for path in shards])
print(f"{len(kept)} pairs kept, {len(ledger)} left out, {len(kept) + len(ledger)} in all")

# %% [markdown]
# ## What became of one pair

# %%
uid = ledger["uid"][0].as_py()
why = [sys.executable, "-m", "babelsift", "why", str(out), uid]
print(subprocess.run(why, check=True, text=True, capture_output=True).stdout)
