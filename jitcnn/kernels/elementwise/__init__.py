"""Operations that look at one number at a time."""
