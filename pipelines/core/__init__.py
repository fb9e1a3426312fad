"""Beam blocks that know no stage. May import schemas and filters; every room but fetch and recipes may import it.

transform           what every transform is, and the smallest collections
batches             record batches in Beam: their coder
packed              packed arrays in Beam: their type and coder
parking/            temporary files in which both wait, where a job runs in this process
stage_outputs       what a stage gives back: kept rows, rejected rows, counters
bundle_buffer       rows buffered within a bundle, emitted by partition; `split_by_partition` of whole rows
shuffled_pieces     how large an element of a shuffle may be, and what cuts arrays, batches and counts so
decide_batches      stages that decide each batch on its own, on all cores of this process
bundle_end          what a DoFn emits when its bundle ends
side_inputs         what is made of side inputs once a bundle
counters, timers    Beam's counters, and those of time
tally, progress     what this process has counted of the run; log lines of long work
groups/             what is decided over all rows of a group: duplicates, lowest members, ranks
runners/            runs a job; options of clusters
"""
