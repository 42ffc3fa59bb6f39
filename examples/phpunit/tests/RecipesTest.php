<?php

declare(strict_types=1);

namespace Desk\Tests;

use Desk\DeskClient;
use Desk\RetryingClient;
use PHPUnit\Framework\AssertionFailedError;

/** Recipes: how a test verifies the requests of its client, and how it injects a fault. */
final class RecipesTest extends AccountTestCase
{
    public function testExactlyOneTicketIsSolved(): void
    {
        $client = new DeskClient($this->account->baseUrl, $this->account->apiKey);
        $client->createTicket('Printer on fire');
        $client->solveTickets($client->createTicket('Out of paper'));
        $this->account->control('POST', '/verify', [
            'operation' => 'ticket.setStatus',
            'fields' => ['status' => 'solved', 'ticketIDs' => [2]],
            'count' => ['exactly' => 1],
        ]);
    }

    public function testRetryAfterLostResponseCreatesNoSecondTicket(): void
    {
        $this->createTicketAndLoseResponse(new RetryingClient($this->account->baseUrl, $this->account->apiKey));
        $this->verifyOneTicketWasCreated();
    }

    public function testNaiveClientCreatesTwoTickets(): void
    {
        $this->createTicketAndLoseResponse(new NaiveClient($this->account->baseUrl, $this->account->apiKey));
        $this->expectException(AssertionFailedError::class);
        $this->expectExceptionMessage('Found 2 among 2 requests');
        $this->verifyOneTicketWasCreated();
    }

    /** The server creates the ticket, and the connection breaks before the response arrives. */
    private function createTicketAndLoseResponse(DeskClient $client): void
    {
        $fault = ['operation' => 'ticket.create', 'first' => 1, 'effect' => ['drop_response' => 'reset']];
        $this->account->control('POST', '/faults', $fault);
        $client->createTicket('Order 4711: printer on fire');
    }

    private function verifyOneTicketWasCreated(): void
    {
        $expected = ['operation' => 'ticket.create', 'changed' => true, 'count' => ['exactly' => 1]];
        $this->account->control('POST', '/verify', $expected);
    }
}
