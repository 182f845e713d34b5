"""What can be done to a declared folder, always within the policy of its owner.

What a policy allows is what the owner declares expendable; beyond it nothing is done for anybody. An owner who also
says `self_healing` gets the label `expendable` on the entity, and a policy may let destructive actions through there.
"""

from steersman.services.housekeeping.actions.files import COMPRESS, DELETE, QUARANTINE_FILE, ROTATE, TRUNCATE
from steersman.services.housekeeping.actions.free import FREE_DISK

ACTIONS = (FREE_DISK, ROTATE, COMPRESS, DELETE, TRUNCATE, QUARANTINE_FILE)

__all__ = ["ACTIONS"]
