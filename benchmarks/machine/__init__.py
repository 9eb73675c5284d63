"""What this machine can do, and what nlstm alone takes and gives."""
