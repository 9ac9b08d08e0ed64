"""Test the invitation of a user who was deleted and restored."""

from app.features.invitations import invitations
from tests.support import module_of, needs

deletions = module_of("deletion", "deletions")


@needs("deletion")
def test_a_deleted_invitation_can_be_restored_and_sent_again(admin, make_user, outbox):
    user = make_user(invited=True)
    deletions.delete(user, by=admin)
    deletions.restore(user, by=admin)
    invitations.resend(user, by=admin)
    assert "/account/join-from-invite/" in outbox.last_text()
