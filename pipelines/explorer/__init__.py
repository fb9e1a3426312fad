"""`babelsift explore`: a local server and a page, to look at all pairs of finished runs. It changes no run.

pairs/      all pairs as a table: queries, counts, search
session     the runs that are shown, loaded
trial       thresholds moved, by the functions that decide in a run
dry_runs    a changed recipe through all stages, in the background
neighbours  pairs near a text, an image, a pair
images      an image by its range
pair_page   all that is known of a pair
labels      what a person says of pairs, in a file beside the run
export      a selection as others take it; `projection` for maps
answers     what the page is told, as plain values
routes      the same over HTTP
guard       who may ask, and what a page may load
serve       the server
page/       the page: HTML, CSS, ES modules, without a build step

The commands may import from here.
"""
