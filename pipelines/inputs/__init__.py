"""The user's inputs, whatever their source, as slices of rows. No Beam.

`plan.plan_input` looks at the files and says what they hold, each format by a module of `inspection/`;
`read_slice.read_slice` reads one slice of the plan, which `slices` describes; `list_files.files_in` lists the files
that any setting names; `formats` tells the sources apart.
The readers are in `tables/`, `crawl/`, `documents/` and `webdataset/`, and only this room imports them; `texts` makes a
row's several texts pairs, `carried/` the columns beside them.
"""
