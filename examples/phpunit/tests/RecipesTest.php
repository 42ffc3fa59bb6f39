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
    private const TITLE = 'Order 4711: printer on fire';
    /** A search for the order number finds both, and a search for the title finds the second. */
    private const SIMILAR_TITLES = ['Order 47110: printer on fire', 'Order 4711: printer on fire again'];

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
     * Effects of faults: the client gets no valid response either, but the server has not created the ticket.
     *
     * @return array<string, array{array<string, mixed>}>
     */
    public static function unexecutedRequests(): array
    {
        return [
            'server error' => [['status' => 503]],
            'connection reset' => [['reset_connection' => true]],
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
        $id = $this->createTicketDespiteFault(RetryingClient::class, $effect);
        $this->verifyOneTicketWasCreated();
        self::assertSame([$id], $this->listTicketsWithTitle(), 'the client returns the id of the new ticket');
    }

    /** @dataProvider unexecutedRequests */
    #[DataProvider('unexecutedRequests')]
    public function testRetryOfUnexecutedRequestCreatesTheTicket(array $effect): void
    {
        $id = $this->createTicketDespiteFault(RetryingClient::class, $effect);
        $this->verifyOneTicketWasCreated();
        self::assertSame([$id], $this->listTicketsWithTitle(), 'the client returns the id of the new ticket');
    }

    /** @dataProvider lostResponses */
    #[DataProvider('lostResponses')]
    public function testNaiveClientCreatesTwoTickets(array $effect): void
    {
        $this->createTicketDespiteFault(NaiveClient::class, $effect);
        $this->expectException(AssertionFailedError::class);
        $this->expectExceptionMessage('Found 2 among 4 requests');
        $this->verifyOneTicketWasCreated();
    }

    /** @param class-string<DeskClient> $class */
    private function createTicketDespiteFault(string $class, array $effect): int
    {
        foreach (self::SIMILAR_TITLES as $title) {
            (new DeskClient($this->account->baseUrl, $this->account->apiKey))->createTicket($title);
        }
        $fault = ['operation' => 'ticket.create', 'first' => 1, 'effect' => $effect];
        $this->account->control('POST', '/faults', $fault);
        $client = new $class($this->account->baseUrl, $this->account->apiKey, timeoutSeconds: 1);
        return $client->createTicket(self::TITLE);
    }

    private function verifyOneTicketWasCreated(): void
    {
        $this->account->control('POST', '/verify', [
            'operation' => 'ticket.create',
            'changed' => true,
            'fields' => ['title' => self::TITLE],
            'count' => ['exactly' => 1],
        ]);
    }

    /**
     * Returns the ids of the tickets that got this title, by any operation.
     *
     * @return list<int>
     */
    private function listTicketsWithTitle(): array
    {
        $ids = [];
        foreach ($this->account->control('GET', '/changes')['changes'] as $change) {
            foreach ($change['rows'] as $row) {
                $columns = array_column($row['columns'], 'to', 'column');
                if (($columns['title'] ?? null) === self::TITLE) {
                    $ids[] = $row['id'];
                }
            }
        }
        return $ids;
    }
}
