<?php

declare(strict_types=1);

namespace Desk\Tests;

use Desk\ApiException;
use Desk\DeskClient;

final class TicketTest extends AccountTestCase
{
    private DeskClient $client;

    protected function setUp(): void
    {
        parent::setUp();
        $this->client = new DeskClient($this->account->baseUrl, $this->account->apiKey);
    }

    public function testCreatedTicketIsListed(): void
    {
        $this->assertSame(1, $this->client->createTicket('Printer on fire'));
        $this->assertSame(['Printer on fire'], $this->client->listTitles());
    }

    public function testTicketWithoutTitleIsRejected(): void
    {
        $this->expectException(ApiException::class);
        $this->expectExceptionCode(400);
        $this->expectExceptionMessage('title is required');
        $this->client->createTicket('');
    }

    public function testClosedTicketIsNotListedAfterAMonth(): void
    {
        $this->account->control('PUT', '/clock', ['mode' => 'frozen', 'at' => '2026-03-01T12:00:00Z']);
        $this->client->closeTicket($this->client->createTicket('Printer on fire'));
        $this->assertSame(['Printer on fire'], $this->client->listTitles());
        $this->account->control('POST', '/clock/advance', ['by' => '31d']);
        $this->assertSame([], $this->client->listTitles());
    }
}
