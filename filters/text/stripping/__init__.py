"""Takes off a caption what a page put around it: tags, addresses, a file's name, phrases of galleries and shops.

Each edit leaves a caption as it is where too little would be left: the rules then reject it for what it was.
"""

from babelsift.filters.text.stripping.addresses import strip_urls
from babelsift.filters.text.stripping.file_names import strip_filenames
from babelsift.filters.text.stripping.page_phrases import strip_phrases
from babelsift.filters.text.stripping.tags import strip_markup

__all__ = ["strip_filenames", "strip_markup", "strip_phrases", "strip_urls"]
