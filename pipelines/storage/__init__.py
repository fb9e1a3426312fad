"""Files on any file system: reading, writing and removing them whole, and what goes wrong on the way. No Beam.

store           the few operations through which a run folder is read and written
local_store     the store on a disk: a temporary name, flushed, read back, renamed
remote_store    what stores on any fsspec file system share: reading, listing, deleting, trying again
object_store    the store on object stores: one PUT
s3_store        the store on S3: one PUT, on a condition
renaming_store  the store on sftp, HDFS and the like: a temporary name, renamed
open_store      which of them a file system gets
seen_objects    what this process saw of objects last, which spares a look
file_systems    opening file systems so that only we try again what fails
clock           how long ago something was, of a machine that may have slept
seekable_file   what files that are read by range have in common
whole_file      a file being written, which has its name only once it is whole
tar_members     members of tars as bytes, with constant headers
errors          errors of file systems and object stores: which can pass, trying again, one line with the remedy

Every room above may import from these modules; this room knows no run folder.
"""
