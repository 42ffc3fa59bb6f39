<?php

declare(strict_types=1);

namespace Desk\Tests;

use Desk\RetryingClient;

/** The same client with a common mistake: it repeats the request without a search for the ticket. */
final class NaiveClient extends RetryingClient
{
    protected function findTicket(string $title): ?int
    {
        return null;
    }
}
