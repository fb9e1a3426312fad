"""The demo: a small web drawn from a seed, its server, its CLIP, and the truth to compare a run with.

web, scenes, captions   the pairs and their truth; nothing is drawn until it is asked for
server                  serves the web from a process of its own
curate_demo, truth      curates the web, and compares pairs' fates with the truth
train_clip, clip_auc    trains and tests the model in `clip/`

The command `demo` and its helpers may import from here.
"""
