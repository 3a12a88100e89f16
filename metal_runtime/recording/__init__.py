"""What iris does and when: every layer notes typed events here while somebody records; profiles and the inspector read them."""
