"""Faces in images: where they are, by a detector that a package ships.

center_face    the detector
boxes          boxes in fractions of an image's sides
"""

from babelsift.filters.faces.boxes import FaceBox, covered_share, in_middle
from babelsift.filters.faces.center_face import FaceDetector

__all__ = ["FaceBox", "FaceDetector", "covered_share", "in_middle"]
