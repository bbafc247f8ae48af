"""What the tests share: fixtures, fakes and factories."""
