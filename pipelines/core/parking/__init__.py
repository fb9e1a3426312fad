"""Where batches wait between two steps of a job in this process: on disk, so that memory holds references alone.

disk     temporary files: what is parked, read again, given back
folder   which folder they lie in, and how much a run will put there
runner   Beam's in-process runner, which gives a step's files back once all who read them are done
"""

from babelsift.pipelines.core.parking.disk import Parking, current_parking, parked_in
from babelsift.pipelines.core.parking.folder import TemporaryFolder, temporary_folder
from babelsift.pipelines.core.parking.runner import ParkingRunner

__all__ = ["Parking", "ParkingRunner", "TemporaryFolder", "current_parking", "parked_in", "temporary_folder"]
