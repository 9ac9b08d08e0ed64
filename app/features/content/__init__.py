"""Pages whose text administrators edit."""
