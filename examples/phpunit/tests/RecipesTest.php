<?php

declare(strict_types=1);

namespace Desk\Tests;

use Desk\DeskClient;
use Desk\RetryingClient;
use PHPUnit\Framework\AssertionFailedError;
use PHPUnit\Framework\Attributes\DataProvider;

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

    /**
     * Effects of faults: the server creates the ticket, but the client gets no valid response.
     *
     * @return array<string, array{array<string, mixed>}>
     */
    public static function lostResponses(): array
    {
        return [
            'connection reset' => [['drop_response' => 'reset']],
            'timeout' => [['drop_response' => 'hang']],
            'server error' => [['drop_response' => 503]],
            'truncated body' => [['truncate' => 10]],
            'HTML instead of JSON' => [['malformed' => true]],
        ];
    }

    /**
     * PHPUnit 9 reads the annotation, later versions read the attribute.
     *
     * @dataProvider lostResponses
     */
    #[DataProvider('lostResponses')]
    public function testRetryAfterLostResponseCreatesNoSecondTicket(array $effect): void
    {
        $id = $this->createTicketAndLoseResponse(RetryingClient::class, $effect);
        $this->verifyOneTicketWasCreated();
        self::assertSame(1, $id, 'the client returns the id of the only ticket');
    }

    /** @dataProvider lostResponses */
    #[DataProvider('lostResponses')]
    public function testNaiveClientCreatesTwoTickets(array $effect): void
    {
        $this->createTicketAndLoseResponse(NaiveClient::class, $effect);
        $this->expectException(AssertionFailedError::class);
        $this->expectExceptionMessage('Found 2 among 2 requests');
        $this->verifyOneTicketWasCreated();
    }

    /** @param class-string<DeskClient> $class */
    private function createTicketAndLoseResponse(string $class, array $effect): int
    {
        $fault = ['operation' => 'ticket.create', 'first' => 1, 'effect' => $effect];
        $this->account->control('POST', '/faults', $fault);
        $client = new $class($this->account->baseUrl, $this->account->apiKey, timeoutSeconds: 1);
        return $client->createTicket('Order 4711: printer on fire');
    }

    private function verifyOneTicketWasCreated(): void
    {
        $expected = ['operation' => 'ticket.create', 'changed' => true, 'count' => ['exactly' => 1]];
        $this->account->control('POST', '/verify', $expected);
    }
}
