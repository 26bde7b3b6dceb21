"""Teachers by their former address; the modules of `kdops.models.teachers` hold them."""

from kdops.models.teachers.loading import load_teacher
from kdops.models.teachers.model import Teacher, TeacherModel
from kdops.models.teachers.scratch import scratch_teacher
from kdops.models.teachers.sources import SCRATCH, check_teacher, teacher_identity
from kdops.models.teachers.tokenizers import load_tokenizer, mask_token

__all__ = [
    "SCRATCH",
    "Teacher",
    "TeacherModel",
    "check_teacher",
    "load_teacher",
    "load_tokenizer",
    "mask_token",
    "scratch_teacher",
    "teacher_identity",
]
