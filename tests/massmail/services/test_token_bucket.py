from massmail.services.token_bucket import TokenBucket


def test_mails_begin_at_the_rate():
    now_s = [100.0]
    bucket = TokenBucket(lambda: now_s[0], per_second=4)

    assert bucket.wait_s() == 0
    bucket.take()
    assert bucket.wait_s() == 0.25
    bucket.take()
    assert bucket.wait_s() == 0.5
    now_s[0] += 10
    assert bucket.wait_s() == 0  # what was not used is not made up for
    bucket.take()
    assert bucket.wait_s() == 0.25


def test_without_a_rate_nothing_waits():
    bucket = TokenBucket(lambda: 0.0)

    bucket.take()
    bucket.take()

    assert bucket.wait_s() == 0
