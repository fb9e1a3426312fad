"""What is paid for once: staging shards with their images, scores and embeddings.

layout, shards          a staging shard: its files, writing it, reading its rows
staged_rows             rows of a run beside their staged rows
images                  image bytes of staged rows, read by byte range
gather_shards           which staging shards rows lie in
inventory               what is staged and scored, and what other settings made
pair_keys               what tells pairs apart, or brings them together
partitions              which staging partition a pair lies in
image_rows, records     rows of images; records of what became of a download
img2dataset/            what img2dataset downloaded, within a run or before it
columns/                columns by models and functions of the user's own, a file a staging partition
scores/                 scores and embeddings, a file a staging partition

Stages, job, replay and inspection may import these modules; nothing here imports a stage.
"""
