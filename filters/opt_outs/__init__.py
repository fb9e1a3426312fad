"""What sites and image files say against training on them; one module a form, each a pure function of text or bytes.

- `x_robots_tag`: X-Robots-Tag. `tdm_reservation`: TDMRep.
- `usage_preferences`: AIPREF's Content-Usage and Cloudflare's Content-Signal. `robots_txt`: their lines in robots.txt.
- `path_rules`: patterns of paths, for robots.txt, tdmrep.json and ai.txt.
- `data_mining`, `c2pa_training`: what an image's own metadata says.

Where a form says two things at once, the one that forbids holds.
"""

from babelsift.filters.opt_outs.c2pa_training import c2pa_training_opt_out
from babelsift.filters.opt_outs.data_mining import prohibited_data_mining
from babelsift.filters.opt_outs.path_rules import PathRules
from babelsift.filters.opt_outs.robots_txt import (
    CONTENT_SIGNAL,
    CONTENT_USAGE,
    RobotsGroups,
    parse_robots_groups,
    plain_robots_txt,
)
from babelsift.filters.opt_outs.tdm_reservation import is_tdm_reserved, parse_tdmrep
from babelsift.filters.opt_outs.usage_preferences import content_signal_opt_out, content_usage_opt_out
from babelsift.filters.opt_outs.x_robots_tag import opt_out_directive

__all__ = [
    "CONTENT_SIGNAL",
    "CONTENT_USAGE",
    "PathRules",
    "RobotsGroups",
    "c2pa_training_opt_out",
    "content_signal_opt_out",
    "content_usage_opt_out",
    "is_tdm_reserved",
    "opt_out_directive",
    "parse_robots_groups",
    "parse_tdmrep",
    "plain_robots_txt",
    "prohibited_data_mining",
]
