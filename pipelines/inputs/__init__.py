"""The user's tables as slices of rows. No Beam.

`plan.plan_input` looks at the files and says what they hold; `read_slice.read_slice` reads one slice of the plan, which
`slices` describes; `list_files.files_in` lists the files that any setting names. The readers of the formats are in
`tables/`, and only this room imports them.
"""
