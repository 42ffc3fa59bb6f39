<?php

declare(strict_types=1);

namespace Desk\Tests;

use PHPUnit\Framework\TestCase;

/** Creates a separate account for each test, so the tests can run in parallel and in any order. */
abstract class AccountTestCase extends TestCase
{
    protected Account $account;

    protected function setUp(): void
    {
        $this->account = new Account();
    }

    protected function tearDown(): void
    {
        $this->account->remove();
    }
}
