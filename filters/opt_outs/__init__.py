"""What sites and image files say against training on them; one module a form, each a pure function of text or bytes.

- `x_robots_tag`: X-Robots-Tag. `tdm_reservation`: TDMRep.
- `usage_preferences`: AIPREF's Content-Usage and Cloudflare's Content-Signal.
- `data_mining`: what an image's own metadata says.

Where a form says two things at once, the one that forbids holds.
"""

from babelsift.filters.opt_outs.data_mining import prohibited_data_mining
from babelsift.filters.opt_outs.tdm_reservation import is_tdm_reserved
from babelsift.filters.opt_outs.usage_preferences import content_signal_opt_out, content_usage_opt_out
from babelsift.filters.opt_outs.x_robots_tag import opt_out_directive

__all__ = [
    "content_signal_opt_out",
    "content_usage_opt_out",
    "is_tdm_reserved",
    "opt_out_directive",
    "prohibited_data_mining",
]
